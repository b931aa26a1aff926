"""Models that are here are verified, mended, used and removed."""

import errno
import os
import shutil
import threading
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.workers.hub_server import COMMIT, ID, OTHER, SIZE, WEIGHTS, refused
from workers.base import EngineError
from workers.engines.skyreels import cards
from workers.engines.skyreels.memory.pool import Pool
from workers.weights import folder as models_folder
from workers.weights import store


def test_files_with_wrong_bytes_are_mended_from_the_commit_that_they_came_from(remote, nano_repo):
    store.download(ID)
    remote.past, remote.commit = {COMMIT: nano_repo}, "b" * 40
    weights = cards.get(ID).folder() / WEIGHTS
    weights.write_bytes(bytes(SIZE))
    assert refused(store.verify, ID).code == "hash_mismatch"
    assert store.download(ID).revision == COMMIT


def test_verify_finds_one_wrong_byte_takes_the_model_out_and_download_mends_it(remote):
    store.download(ID)
    assert store.verify(ID).state == "ready"
    weights = cards.get(ID).folder() / WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    assert refused(store.verify, ID).code == "hash_mismatch"
    assert store.status(ID).state == "broken" and cards.get(ID).folder() is None
    served = sum(remote.served.values())
    assert store.download(ID).state == "ready"
    assert sum(remote.served.values()) - served == SIZE


def test_a_model_with_a_file_missing_is_broken_and_mended(remote):
    store.download(ID)
    (cards.get(ID).folder() / "transformer" / "config.json").unlink()
    assert store.status(ID).state == "broken"
    assert store.download(ID).state == "ready"
    assert remote.served[WEIGHTS] == SIZE


def test_a_folder_that_the_operator_put_there_is_ready_and_can_be_verified(remote):
    shutil.copytree(cards.NANO, models_folder.root() / ID)
    assert store.status(ID).state == "ready"
    assert store.verify(ID).state == "ready" and not remote.requests
    assert {store.verify(card.id).state for card in cards.all() if card.embedded} == {"ready"}
    assert refused(store.verify, OTHER).code == "model_absent"


def test_a_model_is_removed_unless_it_makes_the_films(remote, monkeypatch):
    now = store.download(ID)
    monkeypatch.setenv("CINEVIVID_VIDEO_ENGINE", ID)
    assert refused(store.evict, ID).code == "model_in_use"
    assert cards.get(ID).folder()
    assert store.evict(ID, force=True) == now.disk
    assert store.status(ID).state == "absent" and not list((models_folder.root() / ".hub").glob("*.gone-*"))
    assert refused(store.evict, ID).code == "model_absent"


def test_what_a_killed_process_had_begun_to_remove_goes_the_next_time(remote):
    for number, action in enumerate((store.download, store.evict)):
        left = models_folder.root() / ".hub" / f"{OTHER}.gone-{number}"
        (left / "vae").mkdir(parents=True)
        (left / "vae" / "weights").write_bytes(b"many")
        action(ID)
        assert not left.exists()
    left.mkdir()
    assert refused(store.evict, ID).code == "model_absent" and not left.exists()


def test_bytes_that_cannot_be_deleted_are_told_and_tried_again(remote, monkeypatch):
    store.download(ID)
    unlink = os.unlink

    def stubborn(path, **options):
        if Path(path).name == Path(WEIGHTS).name:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        unlink(path, **options)

    with monkeypatch.context() as context:
        context.setattr(os, "unlink", stubborn)
        error = refused(store.evict, ID)
    assert error.code == "folder_unwritable" and "MB could not be deleted" in error.public_text
    assert store.status(ID).state == "absent"
    store.make_room(0.0)
    assert not list((models_folder.root() / ".hub").glob("*.gone-*"))


def test_a_disk_that_refuses_is_told_in_words(remote, tmp_path):
    notes = models_folder.root() / ".hub"
    store.queue(ID, "download")
    (notes / f"{ID}.cancel").symlink_to(tmp_path / "nowhere" / "cancel")
    assert refused(store.cancel, ID).code == "folder_unwritable"
    shutil.copytree(cards.NANO, models_folder.root() / OTHER)
    # What is removed goes to another disk, as when only a part of the folder is mounted.
    elsewhere = Path("/dev/shm") / tmp_path.name
    shutil.rmtree(notes)
    elsewhere.mkdir()
    notes.symlink_to(elsewhere)
    try:
        if elsewhere.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("There is only one disk.")
        assert refused(store.evict, OTHER).code == "folder_unwritable"
        assert store.status(OTHER).state == "ready"
    finally:
        shutil.rmtree(elsewhere)


def test_a_model_is_verified_even_when_its_progress_cannot_be_noted(remote):
    store.download(ID)
    note = models_folder.root() / ".hub" / f"{ID}.json"
    (note / "in the way").mkdir(parents=True)
    assert store.verify(ID).state == "ready"


def test_a_folder_that_vanishes_while_it_is_weighed_weighs_nothing(remote, monkeypatch):
    part = models_folder.root() / f"{ID}.part"
    (part / "vae").mkdir(parents=True)
    (part / "model_index.json").write_bytes(b"12345")
    scandir = os.scandir

    def vanish(place):
        if place == str(part / "vae") or place == part / "vae":
            (part / "vae").rmdir()
        return scandir(place)

    monkeypatch.setattr(os, "scandir", vanish)
    assert store.status(ID).disk == 5 and not (part / "vae").exists()


def test_room_is_made_by_removing_what_was_not_used_for_the_longest(remote, monkeypatch):
    for name in (ID, OTHER):
        shutil.copytree(cards.NANO, models_folder.root() / name)
        models_folder.used(cards.get(name))
    old = models_folder.root() / ".hub" / f"{OTHER}.used"
    os.utime(old, (1_000_000, 1_000_000))
    assert refused(store.make_room, 10**6).code == "disk_full"
    assert store.status(ID).state == store.status(OTHER).state == "ready"
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10**12, 0, 5 * 10**9 - 1))
    assert [now.card.id for now in store.make_room(5.0)] == [OTHER]
    assert store.status(ID).state == "ready" and store.status(OTHER).state == "absent"
    monkeypatch.setenv("CINEVIVID_VIDEO_ENGINE", ID)
    assert refused(store.make_room, 5.0).code == "disk_full"


def test_a_model_that_is_not_here_is_named_with_the_command_that_brings_it(remote):
    assert f"python manage.py models download {OTHER}." in refused(Pool().get, OTHER).public_text


def test_using_a_model_is_noted(remote):
    shutil.copytree(cards.NANO, models_folder.root() / ID)
    assert store.status(ID).used is None
    Pool().get(ID)
    assert time.time() - store.status(ID).used < 60


def test_of_ten_who_ask_for_one_download_at_once_one_is_told_yes(remote):
    ready = threading.Barrier(10)

    def ask(_):
        ready.wait(30)
        try:
            return store.queue(ID, "download").state
        except EngineError as error:
            return error.code

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(ask, range(10)))
    assert sorted(answers) == ["model_busy"] * 9 + ["queued"]
