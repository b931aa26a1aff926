"""Where the parts of a model are while they work, in the ways that the planner names (planner.py)."""

from __future__ import annotations

from typing import Any

import torch
from accelerate import cpu_offload
from diffusers.hooks import apply_group_offloading
from diffusers.hooks.layerwise_casting import DEFAULT_SKIP_MODULES_PATTERN

from workers.engines.skyreels.memory.planner import Mode
from workers.engines.skyreels.memory.quantise import FRAME_RATE

HOST = torch.device("cpu")
# What is called from outside, so that a part is there before it begins; the VAE is used piece by piece.
ENTRIES = {"vae": ("encoder", "decoder", "quant_conv", "post_quant_conv")}
STREAMED = ("transformer", "text_encoder")
VISITORS = ("text_encoder", "image_encoder")  # what is needed for a moment only


class Masters:
    """The weights of a part in the host's memory, where they stay: what is on the device is a copy, and is dropped.

    On a card they are pinned, so that a copy takes as long as the bus does.
    """

    def __init__(self, part: Any, device: torch.device) -> None:
        kept: dict[int, Any] = {}
        self.places: list[tuple[dict[str, Any], str, Any]] = []
        for module in part.modules():
            for table in (module._parameters, module._buffers):
                for name, tensor in table.items():
                    if tensor is not None:
                        self.places.append((table, name, kept.setdefault(id(tensor), tensor)))
        if device.type == "cuda":
            for tensor in kept.values():
                tensor.data = tensor.data.pin_memory()

    def copy(self, device: torch.device) -> None:
        """Have a copy on the device; tensors that several modules share are copied once."""
        made: dict[int, Any] = {}
        for table, name, tensor in self.places:
            if id(tensor) not in made:
                there = tensor.detach().to(device, non_blocking=True)
                parameter = isinstance(tensor, torch.nn.Parameter)
                made[id(tensor)] = torch.nn.Parameter(there, requires_grad=False) if parameter else there
            table[name] = made[id(tensor)]

    def drop(self) -> None:
        """Let go of the copy; nothing is copied back, as weights do not change."""
        for table, name, tensor in self.places:
            table[name] = tensor


class Turns:
    """The parts of one model, by name. Whichever is called is on `device` before it begins.

    "resident": they all stay there. "aside": so they do, but for the encoders of words and pictures. In the other ways
    only the part at work is there. "fp8" stores the transformer's matrices in 8 bits as well and computes with them in
    its own type (diffusers' layerwise casting), unless its weights are `quantised` already. "group" brings the blocks
    of transformer and text encoder one by one (diffusers), on a card while the one before computes; "sequential"
    brings layer by layer (accelerate). `here` names the parts there.
    """

    def __init__(self, memory: Mode, device: torch.device, *, quantised: bool = False) -> None:
        self.memory, self.device, self.quantised = memory, device, quantised
        self.parts: dict[str, Any] = {}
        self.here: set[str] = set()
        self._masters: dict[str, Masters] = {}

    def add(self, name: str, part: Any) -> None:
        """Take in a part, which is in the host's memory."""
        self.parts[name] = part
        if self.memory == "fp8" and name == "transformer" and not self.quantised:
            part.enable_layerwise_casting(
                storage_dtype=torch.float8_e4m3fn,
                compute_dtype=part.dtype,
                skip_modules_pattern=(*DEFAULT_SKIP_MODULES_PATTERN, *FRAME_RATE),
            )
        if self._streamed(name):
            self._stream(part.encoder if name == "text_encoder" else part)
        for entry in (getattr(part, piece) for piece in ENTRIES[name]) if name in ENTRIES else (part,):
            entry.register_forward_pre_hook(lambda module, given: self.bring(name))
        if self.memory == "resident" or (self.memory == "aside" and name not in VISITORS):
            self.bring(name)

    # Quantised weights of torchao do not move in inference mode.
    @torch.inference_mode(False)
    def bring(self, name: str) -> None:
        """Have a part on the device, or room for it where its own pieces come one by one."""
        if self.memory == "aside" and not {name} & self.here & set(VISITORS):
            self._leave(self.here & set(VISITORS))
        if name in self.here:
            return
        if self.memory not in ("resident", "aside"):
            self.park()
        if self._has_masters(name):
            if name not in self._masters:
                self._masters[name] = Masters(self.parts[name], self.device)
            self._masters[name].copy(self.device)
        elif not self._streamed(name):
            self.parts[name].to(self.device)
        self.here.add(name)

    @torch.inference_mode(False)
    def park(self) -> None:
        """Take everything off the device."""
        self._leave(set(self.here))

    def _leave(self, names: set[str]) -> None:
        for name in names:
            if name in self._masters:
                self._masters[name].drop()
            elif not self._streamed(name):
                self.parts[name].to(HOST)
        self.here -= names

    def _has_masters(self, name: str) -> bool:
        """Parts that come and go have their weights in the host's memory for good, but for forms that torchao moves."""
        stays = self.memory == "resident" or (self.memory == "aside" and name not in VISITORS)
        moved = self.quantised and name == "transformer"
        return not stays and not self._streamed(name) and not moved

    def _streamed(self, name: str) -> bool:
        return name in STREAMED and self.memory in ("group", "sequential")

    def _stream(self, part: Any) -> None:
        """Have the pieces of a part move by themselves. UMT5's blocks are one level down, so its encoder comes here."""
        if self.memory == "sequential":
            cpu_offload(part, execution_device=self.device)
            return
        apply_group_offloading(
            part,
            onload_device=self.device,
            offload_device=HOST,
            num_blocks_per_group=1,
            use_stream=self.device.type == "cuda",
        )
