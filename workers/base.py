"""Types shared by all engines, tasks and their callers. Imports neither torch nor Django."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Cancelled(Exception):
    """The caller's `on_progress` raises this to stop a job; the engine lets it through and stays usable."""


class Stopped(Cancelled):
    """The caller's `on_progress` raises this to end a film early; what is finished of it is to be kept."""


class Sentence(str):
    """A sentence for users: the English text, and beside it the `pattern` and `values` that it is translated by.

    `Sentence("{title} did not finish in time.", title="Tiny")` reads "Tiny did not finish in time."
    """

    pattern: str
    values: Mapping[str, Any]

    def __new__(cls, pattern: str, **values: Any) -> Sentence:
        """Fill the values into the pattern."""
        made = super().__new__(cls, pattern.format(**values) if values else pattern)
        made.pattern, made.values = pattern, values
        return made


class PublicError(Exception):
    """Something cannot be done for a reason that may be told: a stable `code` and a sentence for the user."""

    def __init__(self, code: str, public_text: str) -> None:
        super().__init__(f"{code}: {public_text}")
        self.code = code
        self.public_text = public_text


class EngineError(PublicError):
    """An engine or a task cannot do a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a job is: `step` of `steps`, counted from 1, within `window` of `windows` for work that is done in windows.

    Step 0 says that the first one has begun.

    `stage` is one word, such as "loading", "denoising", "decoding", "upscaling", "grading", "speaking" or "encoding";
    of these, "encoding" is the last one, in which files are written and a stop is not asked for any more.
    `seconds_left` is wall-clock time, None until it was measured.
    """

    stage: str
    step: int = 0
    steps: int = 1
    window: int = 0
    windows: int = 0
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The new part of the film that one window of the sampler made, or one of several parts of it.

    `frames` is uint8 RGB [T, H, W, 3] and holds only frames that nothing earlier gave; `first_frame` is the place of
    frames[0] in the film (from 0); `seconds` is the wall-clock time this window or part took. `part` counts the parts
    of a window from 0. The last part of a window has the `checkpoint` that goes back into `stream(spec, resume=...)` to
    continue after this window; the others have none.
    """

    index: int
    windows: int
    first_frame: int
    frames: NDArray[np.uint8]
    seconds: float
    checkpoint: Any = None
    part: int = 0

    @property
    def whole(self) -> bool:
        """True where nothing of this window is left to come."""
        return self.checkpoint is not None

    @property
    def last(self) -> bool:
        """True for what ends the film."""
        return self.whole and self.index == self.windows - 1


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """The pictures and the clip that a job begins from, uint8 RGB at the size of the film and at its frame rate.

    `image` and `end_image` are [H, W, 3]; `video` is [T, H, W, 3], at least the frames that the next window looks at.
    `source` gives the frames of a clip from one place up to another, [T, H, W, 3]; it is asked in the clip's order.
    """

    image: NDArray[np.uint8] | None = None
    end_image: NDArray[np.uint8] | None = None
    video: NDArray[np.uint8] | None = None
    source: Callable[[int, int], NDArray[np.uint8]] | None = None


OnProgress = Callable[[Progress], None]


class Engine(Protocol):
    """What computes for one kind of work: made once per process by `workers.engines.registry`."""

    def load(self) -> None:
        """Read the engine's model into memory, once. Raises EngineError when it is not there, damaged or too large."""


def ignore_progress(progress: Progress) -> None:
    """Ignore progress."""
