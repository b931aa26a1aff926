"""The process in which one foreign file is opened: `python -m workers.media.child <request as JSON>`.

Its parent is `workers.media.foreign`. It has no secrets in its environment, knows no database and no torch, and is held
to a budget before it reads a byte. It answers on its standard output: frames as they are, then one result as JSON.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from workers.media import copying, kinds, sound, soundtrack, stills, uploads
from workers.media.budget import Budget, leave_with
from workers.media.facts import ClipInfo, MediaError, SoundInfo
from workers.media.film import marked
from workers.media.messages import FRAME, RESULT, write
from workers.media.watermark import mark_picture

Verb = Callable[..., Any]


def kind_of(path: str) -> str:
    return kinds.kind_of(Path(path))


def picture_size(path: str) -> tuple[int, int]:
    return uploads.picture_size(Path(path))


def picture(path: str, width: int, height: int, how: str) -> Iterator[np.ndarray[Any, Any]]:
    yield uploads.picture(Path(path), width, height, how)


def keep_picture(path: str, out: str, poster: str) -> tuple[int, int]:
    size = uploads.keep_picture(Path(path), Path(out))
    stills.small_poster(Path(out), Path(poster))
    return size


def last_frame(path: str, out: str, poster: str) -> tuple[int, int]:
    frame = Image.fromarray(uploads.last_frame(Path(path)))
    frame.save(out)
    stills.small_poster(Path(out), Path(poster))
    return frame.size


def mark(path: str) -> str:
    return str(mark_picture(Path(path), marked(Path(path))))


def clip_info(path: str) -> dict[str, Any]:
    return _told(uploads.clip_info(Path(path)))


def keep_clip(path: str, folder: str, poster: str) -> dict[str, Any]:
    kept, info = copying.keep_clip(Path(path), Path(folder))
    stills.small_poster(Image.fromarray(uploads.first_frame(kept)), Path(poster))
    return {"name": kept.name, "info": _told(info)}


def clip(
    path: str, width: int, height: int, fps: list[int], how: str, longest: float
) -> Iterator[np.ndarray[Any, Any]]:
    return uploads.clip(Path(path), width, height, Fraction(*fps), how, longest)


def keep_sound(path: str, folder: str) -> dict[str, Any]:
    kept, info = sound.keep_sound(Path(path), Path(folder))
    return {"name": kept.name, "info": _told(info)}


def plain_sound(path: str, out: str) -> dict[str, Any]:
    return _told(sound.plain_sound(Path(path), Path(out)))


def add_sound(film: str, source: str) -> bool:
    return soundtrack.add_sound(Path(film), Path(source))


def sound_of(path: str, out: str) -> bool:
    return soundtrack.sound_of(Path(path), Path(out))


def faces(path: str, width: int, height: int, fps: list[int], seconds: float) -> dict[str, Any]:
    from workers.media import faces as seen  # the others do without the models of faces

    return asdict(seen.faces(Path(path), width, height, Fraction(*fps), seconds))


def faces_of_picture(path: str, width: int, height: int) -> dict[str, Any]:
    from workers.media import faces as seen

    return asdict(seen.faces_of_picture(Path(path), width, height))


def check_spoken(path: str, out: str) -> float:
    from workers.media import faces as seen

    return seen.check_spoken(Path(path), Path(out))


VERBS: dict[str, Verb] = {
    verb.__name__: verb
    for verb in (
        kind_of,
        picture_size,
        picture,
        keep_picture,
        last_frame,
        mark,
        clip_info,
        keep_clip,
        clip,
        keep_sound,
        plain_sound,
        add_sound,
        sound_of,
        faces,
        faces_of_picture,
        check_spoken,
    )
}


def main() -> None:
    """Do what the one argument asks for, within its budget."""
    asked = json.loads(sys.argv[1])
    # Only answers go there: what a library prints goes where errors go.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    budget = Budget(**asked["budget"])
    budget.impose()
    leave_with(asked["parent"])
    try:
        told: dict[str, Any] = {"result": _done(VERBS[asked["verb"]](**asked["arguments"]), budget, answers)}
    except MediaError as error:
        told = {"refused": [error.code, error.public_text]}
        if error.code.endswith("_broken") and budget.memory_is_short():
            told = {"spent": "memory"}
    except MemoryError:
        told = {"spent": "memory"}
    except Exception as error:
        code = getattr(error, "errno", None)  # also of errors of FFmpeg
        if code not in (errno.EFBIG, errno.ENOMEM):
            raise
        told = {"spent": "output" if code == errno.EFBIG else "memory"}
    write(answers, RESULT, json.dumps(told).encode())


def _done(result: Any, budget: Budget, answers: BinaryIO) -> Any:
    """Return the result of a verb; frames are handed over one by one instead."""
    if not isinstance(result, Iterator):
        return result
    for frame in result:
        budget.pause()
        write(answers, FRAME, np.ascontiguousarray(frame))
        budget.renew()
    return None


def _told(info: ClipInfo | SoundInfo) -> dict[str, Any]:
    """Return the facts as JSON has them: a rate is its numerator and denominator."""
    return {
        name: [value.numerator, value.denominator] if isinstance(value, Fraction) else value
        for name, value in asdict(info).items()
    }


if __name__ == "__main__":
    main()
