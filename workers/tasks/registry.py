"""What a worker can do, by name: a task turns a request into files or data. Knows nothing of Django.

Every module of this package registers the tasks that it holds; nothing else names them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.base import OnProgress, ignore_progress
from workers.keeper import Keeper, KeepNothing

if TYPE_CHECKING:
    from workers.media.probe import MediaInfo

PACKAGE = "workers.tasks"
FILM_FACTS = ("width", "height", "frames", "fps", "seconds", "bytes", "sha256")
RECIPE_PACKAGES = ("torch", "diffusers", "transformers")  # what films depend on


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a task is asked for.

    `params` are the cleaned parameters of the tool's form. `inputs` has the files that the job begins with, in their
    order, by the parameter that names them. `folder` is empty and for this attempt alone. `on_progress` is told how far
    the work is, and may raise Cancelled or Stopped; `keeper` has what an earlier attempt has finished.
    With a `watermark`, films and pictures are made twice, without it and with it: a task that can be watched makes
    both, and `workers.marking` makes the copies that a task has not made.
    """

    params: Mapping[str, Any]
    folder: Path
    inputs: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    on_progress: OnProgress = ignore_progress
    keeper: Keeper = field(default_factory=KeepNothing)
    watermark: bool = False

    def input(self, name: str) -> Path | None:
        """Return the first file of a parameter, None where there is none."""
        return next(iter(self.inputs.get(name, ())), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeAsset:
    """One file that a task made, of the kind "video", "image" or "audio".

    `files` maps the asset's file fields (file, poster, strip) to paths; `facts` are its columns: width and height in
    pixels, frames, fps, seconds, bytes, sha256. `marked` has copies of the files with the watermark. `recipe` is what
    makes this file differ from the others of its job.
    """

    kind: str
    files: Mapping[str, Path]
    facts: Mapping[str, Any] = field(default_factory=dict)
    marked: Mapping[str, Path] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a task made: `assets` in their order, or `data` (JSON) for a task that answers in words.

    `engine` is the model that made it, `recipe` what makes it again. `stopped` when it is not all that was asked for.
    """

    engine: str
    recipe: Mapping[str, Any]
    assets: Sequence[MadeAsset] = ()
    data: Mapping[str, Any] | None = None
    stopped: bool = False


Task = Callable[[Request], Made]
_tasks: dict[str, Task] = {}


def task(name: str) -> Callable[[Task], Task]:
    """Register a task under the name that a tool gives in `Tool.task`. Raises ValueError when the name is taken."""

    def add(function: Task) -> Task:
        if name in _tasks:
            raise ValueError(f"Two tasks are called {name!r}.")
        _tasks[name] = function
        return function

    return add


def forget(name: str) -> None:
    """Take a task away again."""
    del _tasks[name]


def get(name: str) -> Task:
    """Return the task of this name; raises KeyError when there is none."""
    if name not in _tasks:
        package = importlib.import_module(PACKAGE)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{PACKAGE}.{module.name}")
    return _tasks[name]


def film_asset(request: Request, out: Path, info: MediaInfo, more: Mapping[str, Any] | None = None) -> MadeAsset:
    """Return the film `out` with its poster, strip and facts (`more` beside them), and its copy with the watermark."""
    from workers.media.film import marked
    from workers.media.stills import poster, strip

    files = {"file": out}
    files["poster"] = poster(out, request.folder / "poster.webp")
    files["strip"] = strip(out, request.folder / "strip.webp")
    facts = {name: getattr(info, name) for name in FILM_FACTS} | dict(more or {})
    copies = {"file": marked(out)} if request.watermark else {}
    return MadeAsset(kind="video", files=files, facts=facts, marked=copies)


def recipe(
    task_name: str,
    params: Mapping[str, Any],
    engine: str,
    *,
    inputs: Mapping[str, Sequence[Path]] | None = None,
    packages: Sequence[str] = RECIPE_PACKAGES,
) -> dict[str, Any]:
    """Return what makes it again: parameters with the seed, the model, and the versions of what computed it.

    Of `inputs` it has the SHA-256 of each file. Of `packages` it names those that this machine has.
    """
    found: dict[str, Any] = {
        "generator": "CineVivid",
        "task": task_name,
        "model": engine,
        "params": dict(params),
        "versions": {name: number for name in packages if (number := _version(name))},
    }
    return found | ({"inputs": hashes(inputs)} if inputs else {})


def hashes(inputs: Mapping[str, Sequence[Path]]) -> dict[str, str | list[str]]:
    """Return the SHA-256 of each input by its parameter; a list where a parameter has several files."""
    from workers.media.facts import sha256

    found = {name: [sha256(path) for path in paths] for name, paths in inputs.items()}
    return {name: each[0] if len(each) == 1 else each for name, each in found.items()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
