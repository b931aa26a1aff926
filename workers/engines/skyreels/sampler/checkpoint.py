"""What a job needs to go on after a window, in another process or on another machine."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from workers.base import EngineError

FORM = 3  # of the file; a state in another form is made anew


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The state after window `index` of the spec named by `spec_hash`.

    `latents` float32 [1, C, F, h, w] are the newest of the film: enough for the next window's history, and to rebuild
    the decoder's cache, which has gigabytes at full size. Where each window is decoded by itself, `given` [1, C, F, h,
    w] is what the next one begins with, its frames encoded already, and `latents` are those of the whole windows whose
    frames a later one looks back at (of the film's last window, its own). `addnoise` is the state of the second
    generator, which only the modes that repeat other implementations have. `way` says how the windows were computed
    where that rounds differently.
    """

    spec_hash: str
    index: int
    latents: torch.Tensor
    generator: torch.Tensor
    addnoise: torch.Tensor | None = None
    way: str = ""
    given: torch.Tensor | None = None

    def save(self, path: Path) -> Path:
        """Write to `path` (safetensors) so that a crash leaves the old file or the new one, never half of one."""
        tensors = {"latents": self.latents.contiguous(), "generator": self.generator}
        more = {"addnoise": self.addnoise, "given": self.given}
        tensors |= {name: tensor.contiguous() for name, tensor in more.items() if tensor is not None}
        told = {"hash": self.spec_hash, "index": self.index, "way": self.way, "form": FORM}
        meta = {"spec": json.dumps(told)}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".part")
        save_file({name: tensor.cpu().clone() for name, tensor in tensors.items()}, partial, metadata=meta)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
        return path

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a file that `save` wrote; raises EngineError("checkpoint_broken") when it is not one."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                meta = json.loads(file.metadata()["spec"])
            if meta.get("form") != FORM:
                raise ValueError("a state of another version")
            tensors = load_file(path)
            return cls(
                meta["hash"],
                int(meta["index"]),
                tensors["latents"],
                tensors["generator"],
                tensors.get("addnoise"),
                meta["way"],
                tensors.get("given"),
            )
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise EngineError("checkpoint_broken", "The saved state of this job cannot be read.") from error
