"""An engine in a process of its own, which may do anything: the protocol, and what is left of it afterwards."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import media
from workers.base import Cancelled, EngineError, Stopped
from workers.engines import registry
from workers.engines.external import cards, engine, members, messages
from workers.engines.external.adapters import echomimic, skyreels
from workers.engines.external.engine import External, Talk
from workers.engines.external.messages import Alive, Done, Failed, Kept, Lines, Noise, Step
from workers.weights import catalog

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
RATE = 16_000


def sound(path, seconds):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.arange(round(RATE * seconds), dtype="<i2").tobytes())
    return path


@pytest.fixture
def studio(tmp_path, monkeypatch):
    """A studio with the toy as an engine, set up as an operator would."""
    models, code = tmp_path / "models", tmp_path / "code"
    monkeypatch.setenv("CINEVIVID_MODELS", str(models))
    monkeypatch.setenv(cards.PLACES, f"toy={code}")
    monkeypatch.setenv("DJANGO_SECRET_KEY", "very secret")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    (models / "toy").mkdir(parents=True)
    media.film(models / "toy" / "film.mp4", [np.full((64, 64, 3), 20 * i, np.uint8) for i in range(6)], rate=25)
    (code / ".venv" / "bin").mkdir(parents=True)
    (code / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (code / "make.py").touch()
    card = cards.ExternalCard(
        id="toy",
        title="Toy",
        adapter="tests.workers.toy_external",
        script="make.py",
        files=("*.mp4",),
        card_gb=1.0,
        host_gb=8.0,
        patience=60.0,
        pace=1.0,
        silence=60.0,
    )
    catalog.get("nano")  # the catalogue is read before something is added to it
    monkeypatch.setitem(catalog._cards, "toy", card)
    monkeypatch.setattr(registry, "make_room", lambda asking: None)
    return tmp_path


@pytest.fixture
def talk(studio):
    """Let the toy do something; returns the film."""
    Image.fromarray(media.quarters()).save(studio / "face.png")
    sound(studio / "said.wav", 0.4)

    def make(how, on_progress=lambda progress: None, seconds=0.4, **more):
        asked = Talk(
            portrait=studio / "face.png", sound=studio / "said.wav", seconds=seconds, width=64, height=64, prompt=how
        )
        return External("toy").talk(asked, studio / "job", on_progress, **more)

    return make


def changed(monkeypatch, **values):
    """Change the toy's card."""
    monkeypatch.setitem(catalog._cards, "toy", dataclasses.replace(catalog.get("toy"), **values))


def code_of(action, *arguments, **options):
    with pytest.raises(EngineError) as caught:
        action(*arguments, **options)
    return caught.value.code, caught.value.public_text


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def gone(studio, *names):
    """Whether the processes whose ids the toy has written down have ended."""
    pids = [int((studio / "job" / name).read_text()) for name in names]
    until = time.monotonic() + 60
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(map(alive, pids))


def test_a_film_is_made_in_a_folder_and_its_parts_are_one_film(studio, talk, monkeypatch):
    monkeypatch.setattr(engine, "TICK", 0.05)
    heard = []
    film = talk("good", heard.append)
    assert [part.name for part in film.parts] == ["one.mp4", "two.mp4"] and film.count == 10
    levels = [round(float(frame.mean()) / 20) for frame in film.frames(64, 64)]
    assert levels == [0, 1, 2, 3, 4, 5, 1, 2, 3, 4]  # the overlap is shown once, and no more than the sound has
    assert {(progress.stage, progress.step) for progress in heard} >= {("loading", 0), ("denoising", 4)}
    asked = json.loads((studio / "job" / "asked.json").read_text())
    assert asked["protocol"] == 1 and (asked["portrait"], asked["sound"]) == ("portrait.png", "speech.wav")
    assert asked["weights"] == str(studio / "models" / "toy") and asked["code"] == str(studio / "code")


def test_its_environment_holds_no_secret_and_a_home_of_its_own(studio, talk):
    talk("good")
    given = json.loads((studio / "job" / "environment.json").read_text())
    assert not {"DJANGO_SECRET_KEY", "HF_TOKEN", "CINEVIVID_MODELS", "DATABASE_URL"} & given.keys()
    assert "secret" not in json.dumps(given) and given["HOME"] == str(studio / "job" / "home")
    assert given["HF_HUB_OFFLINE"] == "1"


@pytest.mark.parametrize("how", ["killed", "exits", "closes"])
def test_an_engine_that_ends_without_a_result_is_a_lost_one(studio, talk, how):
    code, text = code_of(talk, how)
    assert code == "engine_lost" and text == "Toy stopped before it was done."
    assert gone(studio, "pid")


@linux
def test_an_engine_that_is_killed_from_outside_is_a_lost_one_and_takes_its_children_along(studio, talk):
    def kill():
        while not (studio / "job" / "child").exists() or not (studio / "job" / "child").read_text():
            time.sleep(0.02)
        os.kill(int((studio / "job" / "pid").read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    assert code_of(talk, "busy")[0] == "engine_lost"
    killer.join(60)
    assert gone(studio, "pid", "child")


def test_what_it_writes_to_its_errors_is_for_the_log_and_short(talk, caplog):
    _, text = code_of(talk, "killed")
    assert "secret of the engine" in caplog.text and "secret" not in text
    caplog.clear()
    assert code_of(talk, "loud")[0] == "engine_lost"
    assert "warning" in caplog.text and len(caplog.text) < 5000


@pytest.mark.parametrize("how", ["garbage", "huge", "lingers"])
def test_nonsense_between_the_lines_harms_nothing(studio, talk, how):
    assert [part.name for part in talk(how).parts] == ["film.mp4"]
    assert gone(studio, "pid")


def test_an_engine_that_says_nothing_but_nonsense_is_ended(studio, talk):
    assert code_of(talk, "endless") == ("generation_failed", "Toy could not make this.")
    assert gone(studio, "pid")


@linux
def test_a_job_that_is_cancelled_ends_its_engine_and_all_that_it_started(studio, talk, monkeypatch):
    monkeypatch.setattr(engine, "STOP_SECONDS", 0.2)

    def stop(progress):
        if (studio / "job" / "child").exists() and (studio / "job" / "child").read_text():
            raise Cancelled

    with pytest.raises(Cancelled):
        talk("busy", stop)
    assert gone(studio, "pid", "child")


def test_an_engine_may_end_by_itself_when_it_is_told_to(studio, talk):
    def stop(progress):
        if progress.step == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        talk("polite", stop)
    assert (studio / "job" / "stopped").exists()


def test_an_engine_that_says_too_much_can_be_cancelled_still(studio, talk, monkeypatch):
    monkeypatch.setattr(engine, "STOP_SECONDS", 0.2)

    def stop(progress):
        if (studio / "job" / "pid").exists():
            raise Cancelled

    with pytest.raises(Cancelled):
        talk("talkative", stop)
    assert gone(studio, "pid")


@pytest.mark.parametrize(
    ("how", "budget", "sentence"),
    [
        ("silent", {"silence": 1.0}, "Toy did not answer any more."),
        ("busy", {"patience": 1.0, "pace": 0.0}, "Toy took too long."),
        ("talkative", {"patience": 1.0, "pace": 0.0}, "Toy took too long."),
    ],
)
def test_an_engine_that_hangs_or_takes_too_long_is_ended(studio, talk, monkeypatch, how, budget, sentence):
    changed(monkeypatch, **budget)
    assert code_of(talk, how) == ("generation_timeout", sentence)
    assert gone(studio, "pid")


@linux
def test_an_engine_that_takes_more_memory_than_it_may_is_ended(studio, talk, monkeypatch):
    changed(monkeypatch, host_gb=0.2)
    assert code_of(talk, "large") == ("memory_short", "Toy ran out of memory.")
    assert gone(studio, "pid")


@pytest.mark.parametrize(
    ("how", "code", "sentence"),
    [
        ("short", "memory_short", "Toy ran out of memory."),
        ("refuses", "generation_failed", "Toy cannot use this portrait or this sound."),
    ],
)
def test_an_engine_that_gives_up_is_told_in_our_words(talk, how, code, sentence):
    assert code_of(talk, how) == (code, sentence)


@pytest.mark.parametrize("how", ["../film.mp4", "/etc/passwd", "home", "", "none.mp4", "pipe", "text", "link", "a\0b"])
def test_a_result_outside_its_folder_or_that_is_no_film_is_refused(studio, talk, how):
    (studio / "film.mp4").write_bytes((studio / "models" / "toy" / "film.mp4").read_bytes())
    if how == "link":
        how = f"link:{studio / 'film.mp4'}"
    assert code_of(talk, how) == ("generation_failed", "Toy could not make this.")


@linux
def test_a_killed_worker_takes_its_engine_along(studio, talk):
    talk("good")  # the files of the job are there
    (studio / "job" / "pid").unlink()
    script = f"""
import os, sys
from pathlib import Path
from tests.workers import test_external as here
from workers.engines.external import cards
from workers.engines.external.process import Process
with Process((sys.executable, "-m", "tests.workers.toy_external"), Path({str(studio / "job")!r})) as process:
    process.say({{"prompt": "busy"}})
    while True:
        process.heard(1.0)
"""
    worker = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2])
    place = studio / "job" / "child"
    until = time.monotonic() + 120
    while not (place.exists() and place.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    worker.kill()
    worker.wait()
    assert gone(studio, "pid", "child")


def test_a_sound_that_is_too_long_is_refused_before_anything_starts(studio, talk):
    assert code_of(talk, "good", seconds=201) == ("sound_long", "Toy speaks for up to 200 seconds.")
    assert not (studio / "job").exists()


def test_lines_come_whole_however_they_are_cut():
    text = b'{"alive": true}\nnoise\n{"progress": {"stage": "denoising", "step": 9, "steps": 4}}\n'
    text += b'{"done": ["a.mp4"], "overlap": 1}\n{"failed": "bad luck", "why": "x"}\n{"done": []}\n{"done": [1]}\n'
    text += b'{"kept": ["b.mp4"]}\n'
    for size in (1, 7, 1000):
        lines = Lines()
        found = [message for at in range(0, len(text), size) for message in lines.feed(text[at : at + size])]
        assert found == [
            Alive(),
            Step("denoising", 4, 4),
            Done(("a.mp4",), 1),
            Failed("failed", "x"),
            Kept(("b.mp4",), 0),
        ]


def test_a_line_without_end_is_not_kept():
    lines = Lines()
    for _ in range(100):
        assert list(lines.feed(b"x" * 70_000)) == [] and len(lines._begun) <= messages.LONGEST
    assert list(lines.feed(b'\n{"alive": true}\n')) == [Alive()]
    assert Noise() in [message for _ in range(30) for message in lines.feed(b"x" * 70_000)]


@pytest.mark.parametrize(
    ("step", "steps", "stage"), [(-1, 4, "loading"), (1, 10**9, "loading"), (True, 4, "loading"), (1, 4, "<script>")]
)
def test_progress_that_is_none_is_noise(step, steps, stage):
    assert messages.parse(messages.line({"progress": {"stage": stage, "step": step, "steps": steps}})) is None


def test_an_engine_says_why_it_cannot_work_here(studio, monkeypatch):
    def reason():
        found = cards.available("toy")
        return found and str(found)

    assert reason() is None
    assert str(cards.available("toy", 0.5)) == "Toy needs a card with 1 GB, and 0.5 GB are there."
    monkeypatch.setenv("CINEVIVID_DEVICE_GB", "0.5")
    assert "0.5 GB are there" in reason()
    monkeypatch.delenv("CINEVIVID_DEVICE_GB")
    (studio / "models" / "toy" / "film.mp4").unlink()
    assert reason() == "The weights of Toy are not on this machine yet."
    (studio / "code" / "make.py").unlink()
    assert reason() == "The code of Toy is not where this studio expects it."
    (studio / "code" / ".venv" / "bin" / "python").unlink()
    assert reason() == "Toy has no Python environment in this studio yet."
    monkeypatch.delenv(cards.PLACES)
    assert reason() == "Toy is not set up in this studio."
    assert cards.available("toy").values == {"title": "Toy"}  # to be translated
    assert code_of(External("toy").load) == ("model_not_ready", "Toy is not set up in this studio.")
    assert code_of(External, "nano")[0] == "model_unknown"


def test_the_two_engines_stand_in_the_catalogue_with_what_they_need(tmp_path, monkeypatch):
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path))
    monkeypatch.delenv(cards.PLACES, raising=False)
    small, large = cards.all()
    assert (small.id, large.id) == (cards.ECHO, cards.SKYREELS) and (small.card_gb, large.tier) == (12.0, "large")
    assert all(card.licence and card.licence_url and card.disk_gb > 20 and card.repo for card in (small, large))
    assert str(cards.available(small.id)) == "EchoMimicV3-Flash is not set up in this studio."
    assert isinstance(registry.get("avatar", small.id), External)
    assert small.folder() is None
    for name in ("echomimicv3-flash-pro/transformer/a.safetensors", f"{echomimic.BASE}/Wan2.1_VAE.pth"):
        (tmp_path / small.id / name).parent.mkdir(parents=True)
        (tmp_path / small.id / name).touch()
    assert small.folder() is None and code_of(small.check, tmp_path / small.id)[0] == "model_broken"
    (tmp_path / small.id / echomimic.EAR).mkdir()
    (tmp_path / small.id / echomimic.EAR / "pytorch_model.bin").touch()
    assert small.folder() == tmp_path / small.id and small.check(tmp_path / small.id) is None


STAND_IN = """
import argparse, pathlib, shutil, sys, wave
known = argparse.ArgumentParser()
known.add_argument("--low_vram", action="store_true")
known.add_argument("--offload", action="store_true")
for name in NAMES:
    known.add_argument("--" + name, required=True, nargs=2 if name == "sample_size" else None)
asked = known.parse_args()
film = pathlib.Path(__file__).parent / "film.mp4"
if asked.prompt == "out of memory":
    sys.exit("torch.OutOfMemoryError: CUDA out of memory.")
print("prints something", flush=True)
for step in range(9):
    print(f"\\r {step}/8 [00:01<00:02]", end="", file=sys.stderr, flush=True)
MAKE
"""
ECHO_NAMES = [
    *("image_path", "audio_path", "prompt", "num_inference_steps", "config_path", "model_name", "transformer_path"),
    *("save_path", "wav2vec_model_dir", "sampler_name", "video_length", "guidance_scale", "audio_guidance_scale"),
    *("seed", "weight_dtype", "fps", "negative_prompt", "sample_size"),
]
ECHO_MAKE = """
with wave.open(asked.audio_path) as sound:
    print(sound.getnframes(), sound.getframerate(), file=open(film.with_name("log"), "a"))
image = pathlib.Path(asked.image_path)
print(image.name, asked.audio_guidance_scale, file=open(film.with_name("log"), "a"))
shutil.copy(film, pathlib.Path(asked.save_path) / f"{image.stem}_output.mp4")
"""
SKYREELS_NAMES = ["task_type", "model_id", "input_image", "input_audio", "prompt", "seed", "resolution"]
SKYREELS_MAKE = """
place = pathlib.Path("result/talking_avatar")
place.mkdir(parents=True, exist_ok=True)
shutil.copy(film, place / f"{asked.seed}_2026-01-01_00-00-00_with_audio.mp4")
print(asked.resolution, asked.low_vram, file=open(film.with_name("log"), "a"))
"""


@pytest.fixture
def makers(studio, monkeypatch):
    """Put a script with the command line of the makers where their code would be; returns what sets one up."""

    def put(adapter, script, names, make):
        text = STAND_IN.replace("NAMES", repr(names)).replace("MAKE", make)
        (studio / "code" / script).write_text(text)
        frames = [np.full((64, 64, 3), 3 * i, np.uint8) for i in range(81)]
        media.film(studio / "code" / "film.mp4", frames, rate=25)
        place = studio / "models" / "toy" / echomimic.NEW_WEIGHTS
        place.mkdir(exist_ok=True)
        (place / "network.safetensors").touch()
        changed(monkeypatch, adapter=adapter.__name__, script=script)
        return studio / "code" / "log"

    return put


def test_the_adapter_of_echomimic_makes_pieces_and_goes_on_where_it_was(studio, talk, makers, monkeypatch):
    log = makers(echomimic, "infer_flash.py", ECHO_NAMES, ECHO_MAKE)
    monkeypatch.setattr(engine, "TICK", 0.02)
    sound(studio / "said.wav", 7.0)
    heard = []
    film = talk("--fps is no option here", heard.append, seconds=7.0)
    assert [part.name for part in film.parts] == [f"piece-000{i}.mp4" for i in range(3)]
    frames = list(film.frames(64, 64))
    # The first picture of a piece is the last of the one before, and is shown once.
    assert len(frames) == 175 and [round(float(frames[at].mean()) / 3) for at in (80, 81, 160, 161)] == [80, 1, 80, 1]
    said = log.read_text().splitlines()
    assert said[0::2] == ["52480 16000"] * 3  # 82 frames, silence behind the end
    assert said[1::2] == ["portrait.png 3.0", "last-0000.png 3.0", "last-0001.png 3.0"]
    assert max(progress.step / progress.steps for progress in heard) <= 1
    assert {progress.steps for progress in heard} >= {24}
    # What is finished can be kept when somebody stops the job.
    for part in film.parts:
        part.unlink()
    kept = []

    def stop(progress):
        if kept:
            raise Stopped

    with pytest.raises(Stopped):
        talk("good", stop, seconds=7.0, on_kept=kept.append)
    assert [part.name for part in kept[0].parts] == ["piece-0000.mp4"] and len(list(kept[0].frames(64, 64))) == 81
    assert len(talk("good", seconds=7.0).parts) == 3
    # A worker that was lost after the first piece makes the others alone.
    for number in (1, 2):
        (studio / "job" / f"piece-000{number}.mp4").unlink()
    log.unlink()
    assert len(talk("good", seconds=7.0).parts) == 3 and len(log.read_text().splitlines()) == 4


def test_the_adapter_of_skyreels_makes_one_film(studio, talk, makers, monkeypatch):
    log = makers(skyreels, "generate_video.py", SKYREELS_NAMES, SKYREELS_MAKE)
    film = talk("--low_vram", seconds=3.2)
    assert [part.name for part in film.parts] == ["film.mp4"] and len(list(film.frames(64, 64))) == 80
    monkeypatch.setenv("CINEVIVID_DEVICE_GB", "24")
    talk("good")
    assert log.read_text().splitlines() == ["480P False", "480P True"]


@pytest.mark.parametrize(
    ("adapter", "script", "names", "make"),
    [
        (echomimic, "infer_flash.py", ECHO_NAMES, ECHO_MAKE),
        (skyreels, "generate_video.py", SKYREELS_NAMES, SKYREELS_MAKE),
    ],
)
def test_an_adapter_says_why_a_script_ended(talk, makers, adapter, script, names, make):
    makers(adapter, script, names, make)
    assert code_of(talk, "out of memory")[0] == "memory_short"
    makers(adapter, script, names, "sys.exit(2)")
    assert code_of(talk, "good") == ("generation_failed", "Toy could not make this.")
    makers(adapter, script, names, "pass")
    assert code_of(talk, "good") == ("generation_failed", "Toy could not make this.")


@linux
def test_members_are_found_by_their_mark_in_any_session():
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"],
        env={members.MARK: "mark of this test"},
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    try:
        child.stdout.readline()
        assert list(members.of(-1, "mark of this test")) == [child.pid] == list(members.of(child.pid, "no mark"))
        assert members.memory(child.pid, "no mark") > 1_000_000
        threading.Thread(target=child.wait, daemon=True).start()
        members.end(child.pid, "mark of this test")
        assert not list(members.of(child.pid, "mark of this test"))
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
