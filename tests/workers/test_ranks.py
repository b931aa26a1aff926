"""Ranks that die, hang or say nothing, while they start and later: the film's job goes on without them in seconds."""

import os
import pickle
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from workers.base import Cancelled, EngineError, Inputs, Progress, Stopped, ignore_progress
from workers.engines.skyreels.gpus import group
from workers.engines.skyreels.gpus.group import RankGroup
from workers.engines.skyreels.gpus.messages import Failed, Ready
from workers.engines.skyreels.request.execution import Execution
from workers.engines.skyreels.request.plan import plan
from workers.engines.skyreels.request.spec import VideoSpec

PROGRAM = Path(__file__).with_name("silent_ranks.py")
SILENT, GONE = "", "gone"


def say(message):
    """Return a message as it travels, in hexadecimal."""
    data = pickle.dumps(message)
    return (struct.pack("!i", len(data)) + data).hex()


class Group(RankGroup):
    """Ranks that only say what they are told to."""

    def __init__(self, *speeches):
        super().__init__(ranks=2)
        self.speeches = speeches

    def _command(self, address):
        return [sys.executable, "-IS", str(PROGRAM), address, *self.speeches]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(group, "LEAVE_SECONDS", 0.5)
    monkeypatch.setattr(group, "STOP_SECONDS", 0.5)


def film(group, on_progress=ignore_progress):
    """Take what the group makes of a film."""
    return list(
        group.stream(
            plan(VideoSpec.for_model("nano", "a cat")), Inputs(), Execution(ranks=group.ranks), None, on_progress
        )
    )


def failure(group, within=60):
    """Return why the group cannot make a film; it says so soon and leaves no process."""
    started, torchrun = time.monotonic(), None

    def remember(progress):
        nonlocal torchrun
        torchrun = group._torchrun

    with pytest.raises(EngineError) as caught:
        film(group, remember)
    assert time.monotonic() - started < within
    assert torchrun.poll() is not None and not group.alive
    return caught.value.code


def cancelled_after(seconds):
    """Return what a user's cancel a while after the first sign of life does."""
    seen = []

    def on_progress(progress):
        seen.append(time.monotonic())
        if seen[-1] - seen[0] > seconds:
            raise Cancelled

    return on_progress


@pytest.mark.parametrize("other", [SILENT, say(Ready(1))], ids=["others-start", "others-are-ready"])
def test_a_rank_that_dies_while_starting_is_lost_and_the_log_says_its_last_words(other, caplog):
    assert failure(Group(GONE, other)) == "rank_lost"
    assert "the last words" in caplog.text


def test_what_a_starting_rank_fails_with_is_what_the_job_fails_with():
    assert failure(Group(say(Failed("ranks_backend", "It does not run here.")), GONE)) == "ranks_backend"


@pytest.mark.parametrize("speeches", [[say(Ready(0)), SILENT], [say(Ready(0))]], ids=["silent", "never-there"])
def test_ranks_that_do_not_get_ready_are_given_up(speeches, monkeypatch):
    monkeypatch.setattr(group, "START_SECONDS", 1.0)
    assert failure(Group(*speeches)) == "ranks_not_started"


def test_a_rank_that_stops_within_a_message_is_lost(monkeypatch):
    monkeypatch.setattr(group, "MESSAGE_SECONDS", 0.5)
    assert failure(Group(say(Ready(0)), say(Ready(1))[:20])) == "rank_lost"


def test_a_cancel_is_heard_while_ranks_start():
    group = Group(say(Ready(0)), SILENT)
    with pytest.raises(Cancelled):
        film(group, cancelled_after(1))
    assert group._torchrun is None


@pytest.mark.parametrize("wish", [Cancelled, Stopped])
def test_a_wish_is_heard_while_ranks_load_or_hang(wish):
    group, told = Group(say(Ready(0)), say(Ready(1))), []

    def on_progress(progress):
        told.append(progress)
        if len(told) == 4:
            raise wish

    with pytest.raises(wish):
        film(group, on_progress)
    assert told == [Progress(stage="loading", window=1, windows=1)] * 4
    assert group._torchrun is None


def test_what_was_told_last_is_told_again_while_nothing_is_heard():
    step = Progress(stage="denoising", window=1, windows=1, step=2, steps=3)
    group, told = Group(say(Ready(1)), say(Ready(0)) + say(step)), []

    def on_progress(progress):
        told.append(progress)
        if told.count(step) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        film(group, on_progress)
    assert told[-3:] == [step] * 3


def test_the_folder_of_a_killed_worker_goes_when_the_next_group_starts(monkeypatch):
    ended = subprocess.Popen([sys.executable, "-ISc", ""])
    ended.wait()
    with tempfile.TemporaryDirectory() as place:
        monkeypatch.setattr(tempfile, "tempdir", place)
        for pid in (ended.pid, os.getpid()):
            folder = Path(place) / f"ranks-{pid}-before"
            folder.mkdir()
            (folder / "log").write_bytes(b"the last words")
        failure(Group(GONE, GONE))
        assert [left.name for left in Path(place).iterdir()] == [f"ranks-{os.getpid()}-before"]
