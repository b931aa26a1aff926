"""Files that people bring, opened by a child process (`workers.media.child`) that is held to a budget.

This is the only way to the bytes of others: neither the website nor a worker opens them itself. A call ends with the
request that it is for (`ended_by`), and its child with it. Everything raises MediaError for a file that cannot be used,
with a sentence for whoever brought it.
"""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from workers.base import Cancelled
from workers.media.budget import Budget
from workers.media.facts import (
    MAX_CLIP_BYTES,
    MAX_CLIP_SECONDS,
    MAX_SOUND_BYTES,
    ClipInfo,
    FaceSeen,
    FacesSeen,
    MediaError,
    SoundInfo,
)
from workers.media.messages import FRAME, read

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[2]
CHILD = "workers.media.child"
TICK = 0.1  # seconds after which the end of a request is noticed
LONGEST_RESULT = 100_000  # bytes
# Shares of the seconds for a file: a picture takes less, a clip that must be encoded more, and work that was paid for
# may take more still.
PICTURE, KEEPING, WORK = 1 / 3, 2, 4
# What a child has of its parent's environment: nothing that is secret. Libraries start no threads, and reserve
# no memory for them.
INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TZ")
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1", "PYTHONUTF8": "1"}
# The signals by which the kernel ends a process that has used up its seconds.
SLOW = {-getattr(signal, name) for name in ("SIGXCPU", "SIGALRM") if hasattr(signal, name)}
KILLED = -9

_ended: ContextVar[Event | None] = ContextVar("ended", default=None)


@contextmanager
def ended_by(event: Event) -> Iterator[None]:
    """Within it, and in what is called from there, work for a request ends once `event` is set: it raises Cancelled."""
    token = _ended.set(event)
    try:
        yield
    finally:
        _ended.reset(token)


def has_ended() -> bool:
    """True when nobody waits for the result any more."""
    event = _ended.get()
    return event is not None and event.is_set()


def kind_of(path: Path) -> str:
    """Return "image", "video" or "audio"; whether it can be used is seen by whoever keeps it."""
    return str(_result("file", "kind_of", Budget.of(PICTURE), path=path))


def picture_size(path: Path) -> tuple[int, int]:
    """Decode a picture to see that it can be used; returns (width, height) as it is shown."""
    width, height = _result("picture", "picture_size", Budget.of(PICTURE), path=path)
    return width, height


def picture(path: Path, width: int, height: int, how: str = "fill") -> NDArray[np.uint8]:
    """Return a picture as uint8 sRGB [height, width, 3]: upright, without alpha, its middle cut to fill the frame.

    `how` is one of `facts.FITS`.
    """
    told = {"path": path, "width": width, "height": height, "how": how}
    (pixels,) = list(_frames("picture", "picture", Budget.of(PICTURE), width, height, told))
    return pixels


def keep_picture(path: Path, out: Path, poster: Path) -> tuple[int, int]:
    """Save a picture as the PNG `out`, upright, in sRGB, without metadata, and a small one of it as `poster`.

    Returns its (width, height).
    """
    told = {"path": path, "out": out, "poster": poster}
    width, height = _result("picture", "keep_picture", Budget.of(PICTURE), **told)
    return width, height


def last_frame(path: Path, out: Path, poster: Path) -> tuple[int, int]:
    """Save the last frame of a clip as the PNG `out`, and a small one as `poster`; returns its (width, height)."""
    told = {"path": path, "out": out, "poster": poster}
    width, height = _result("video", "last_frame", Budget.of(), **told)
    return width, height


def mark(picture: Path) -> Path:
    """Save a picture that the studio has written with the watermark beside it, and return where."""
    return Path(_result("picture", "mark", Budget.of(), path=picture))


def clip_info(path: Path) -> ClipInfo:
    """Decode a clip to its end to see that it can be used, and say what it is."""
    return _clip_info(_result("video", "clip_info", Budget.of(WORK), path=path))


def keep_clip(path: Path, folder: Path, poster: Path) -> tuple[Path, ClipInfo]:
    """Keep the pictures and the sound of a clip in a new file in `folder` without what its file says about its owner,
    and save a small picture of its first frame as `poster`. Returns the new file and what the clip is."""
    told = {"path": path, "folder": folder, "poster": poster}
    kept = _result("video", "keep_clip", Budget.of(KEEPING, MAX_CLIP_BYTES), **told)
    return folder / Path(kept["name"]).name, _clip_info(kept["info"])


def clip(
    path: Path,
    width: int,
    height: int,
    fps: int | Fraction,
    how: str = "fill",
    *,
    longest: float = MAX_CLIP_SECONDS,
) -> Iterator[NDArray[np.uint8]]:
    """Yield a clip as uint8 RGB frames [height, width, 3] at an even `fps`, upright, its middle cut to fill the frame.

    `how` is one of `facts.FITS`; a clip of more than `longest` seconds is refused. The seconds of the budget are for
    each frame: whoever takes them may be slow.
    """
    rate = Fraction(fps)
    told = {"path": path, "width": width, "height": height, "fps": [rate.numerator, rate.denominator], "how": how}
    told["longest"] = longest
    return _frames("video", "clip", Budget.of(), width, height, told)


def keep_sound(path: Path, folder: Path) -> tuple[Path, SoundInfo]:
    """Copy the sound of a file, also of a film's, into a file of its own in `folder`, without titles and places.

    Its waveform lies beside it, as `facts.WAVE`. Returns the new file and what the sound is.
    """
    told = _result("sound", "keep_sound", Budget.of(1, MAX_SOUND_BYTES), path=path, folder=folder)
    return folder / Path(told["name"]).name, SoundInfo(**told["info"])


def plain_sound(path: Path, out: Path) -> SoundInfo:
    """Write the sound of a file, also of a film's, as the mono WAV `out`; returns what the sound was."""
    return SoundInfo(**_result("sound", "plain_sound", Budget.of(1, MAX_SOUND_BYTES), path=path, out=out))


def add_sound(film: Path, source: Path) -> bool:
    """Give the MP4 `film`, which is the studio's, the sound of the clip `source`. Returns False when it has none."""
    output = film.stat().st_size + MAX_CLIP_BYTES
    return bool(_result("video", "add_sound", Budget.of(WORK, output), film=film, source=source))


def sound_of(path: Path, out: Path) -> bool:
    """Write the sound of a clip, from its first picture on, as the stereo WAV `out`. Returns False when it has none."""
    return bool(_result("video", "sound_of", Budget.of(WORK, MAX_CLIP_BYTES), path=path, out=out))


def faces(path: Path, width: int, height: int, fps: Fraction, seconds: float) -> FacesSeen:
    """Return the faces in the first frame of a clip that shows any, of those that are looked at.

    The sides in pixels, the frames a second and the length are what is known of the clip.

    Raises MediaError("model_not_ready") where this machine cannot find faces.
    """
    told = {"path": path, "width": width, "height": height, "fps": [fps.numerator, fps.denominator]}
    told["seconds"] = seconds
    return _faces_seen(_result("video", "faces", Budget.of(WORK), **told))


def faces_of_picture(path: Path, width: int, height: int) -> FacesSeen:
    """Return the faces of a picture of these sides, at the second 0; raises as `faces` does."""
    return _faces_seen(_result("picture", "faces_of_picture", Budget.of(WORK), path=path, width=width, height=height))


def check_spoken(path: Path, out: Path) -> float:
    """Return the seconds of a sound in which somebody speaks; `out` is a WAV that is written on the way.

    Raises MediaError("no_speech") where nobody does.
    """
    return float(_result("sound", "check_spoken", Budget.of(1, MAX_SOUND_BYTES), path=path, out=out))


def _faces_seen(told: dict[str, Any]) -> FacesSeen:
    return FacesSeen(**told | {"faces": tuple(FaceSeen(**face) for face in told["faces"])})


def _clip_info(told: dict[str, Any]) -> ClipInfo:
    return ClipInfo(**told | {"fps": Fraction(*told["fps"])})


def _result(noun: str, verb: str, budget: Budget, **arguments: Any) -> Any:
    """Let a child do something and return what it answers; it is killed when its time is over or its request ends."""
    with _child(verb, budget, arguments) as (process, errors):
        ends = time.monotonic() + budget.wall
        while True:
            try:
                answer, _ = process.communicate(timeout=TICK)
                break
            except subprocess.TimeoutExpired:
                if has_ended():
                    raise Cancelled from None
                if time.monotonic() > ends:
                    raise _spent(noun, "seconds") from None
        try:
            _, body = read(io.BytesIO(answer), LONGEST_RESULT)
        except EOFError:
            raise _broken_off(noun, verb, process, errors) from None
        return _said(noun, body)


def _frames(
    noun: str, verb: str, budget: Budget, width: int, height: int, arguments: dict[str, Any]
) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames [height, width, 3] that a child hands over one by one; it waits for whoever takes them."""
    import numpy as np

    with _child(verb, budget, arguments) as (process, errors):
        assert process.stdout is not None
        while True:
            try:
                kind, body = read(cast(BinaryIO, process.stdout), max(LONGEST_RESULT, width * height * 3))
            except EOFError:
                raise _broken_off(noun, verb, process, errors) from None
            if kind != FRAME:
                _said(noun, body)
                return
            yield np.frombuffer(body, np.uint8).reshape(height, width, 3)


@contextmanager
def _child(verb: str, budget: Budget, arguments: dict[str, Any]) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Start a child and give it something to do; it does not outlive the block. Its errors are in a file.

    Raises OSError for a file that cannot be read.
    """
    for name in ("path", "source"):
        if name in arguments:
            arguments[name].open("rb").close()
    asked = {
        "verb": verb,
        "arguments": {name: str(it.resolve()) if isinstance(it, Path) else it for name, it in arguments.items()},
        "budget": asdict(budget),
        "parent": os.getpid(),
    }
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ} | ENVIRONMENT
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", CHILD, json.dumps(asked)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        try:
            yield process, errors
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _said(noun: str, body: bytes | bytearray) -> Any:
    """Return the result of a child. Raises MediaError where it has none."""
    told = json.loads(body)
    if "refused" in told:
        raise MediaError(*told["refused"])
    if "spent" in told:
        raise _spent(noun, told["spent"])
    return told["result"]


def _broken_off(noun: str, verb: str, process: subprocess.Popen[bytes], errors: IO[bytes]) -> Exception:
    """Return what to raise for a child that ended without a result."""
    try:
        code = process.wait(timeout=5)
    except subprocess.TimeoutExpired:  # it goes on without making sense
        return RuntimeError(f"The process that did {verb} answered what nobody asked.")
    if code in SLOW:
        return _spent(noun, "seconds")
    if code == KILLED:
        return _spent(noun, "memory")  # by the kernel, when the machine has none left
    errors.seek(0, io.SEEK_END)
    errors.seek(max(0, errors.tell() - 2000))
    log.error("The process that did %s ended with %s: %s", verb, code, errors.read().decode(errors="replace"))
    if code < 0:
        return MediaError(f"{noun}_broken", f"The {noun} is damaged and cannot be opened.")
    return RuntimeError(f"The process that did {verb} ended with {code}.")


def _spent(noun: str, what: str) -> MediaError:
    """Return the error for a file that needs more of something than its budget has."""
    sentence = {
        "seconds": f"This {noun} takes too long to open: save it again in a plainer form, or make it smaller.",
        "memory": f"This {noun} needs too much memory to be opened: make it smaller.",
        "output": f"This {noun} becomes too large when it is copied: make it smaller.",
    }[what]
    return MediaError(f"{noun}_heavy", sentence)
