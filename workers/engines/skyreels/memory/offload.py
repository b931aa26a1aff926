"""Where the parts of a model are while they work, in the ways that the planner names (planner.py)."""

from __future__ import annotations

from typing import Any

import torch
from accelerate import cpu_offload
from diffusers.hooks import apply_group_offloading

from workers.engines.skyreels.memory.planner import Mode

HOST = torch.device("cpu")
# What is called from outside, so that a part is there before it begins; the VAE is used piece by piece.
ENTRIES = {"vae": ("encoder", "decoder", "quant_conv", "post_quant_conv")}
STREAMED = ("transformer", "text_encoder")


class Turns:
    """The parts of one model, by name. Whichever is called is on `device` before it begins.

    "resident": they all stay there. In the other ways only the part at work is there. "fp8" stores the transformer's
    matrices in 8 bits as well and computes with them in its own type (diffusers' layerwise casting), unless its weights
    are `quantised` already. "group" brings the blocks of transformer and text encoder one by one (diffusers), on a card
    while the one before computes; "sequential" brings layer by layer (accelerate). `here` names the parts there.
    """

    def __init__(self, memory: Mode, device: torch.device, *, quantised: bool = False) -> None:
        self.memory, self.device, self.quantised = memory, device, quantised
        self.parts: dict[str, Any] = {}
        self.here: set[str] = set()

    def add(self, name: str, part: Any) -> None:
        """Take in a part, which is in the host's memory."""
        self.parts[name] = part
        if self.memory == "fp8" and name == "transformer" and not self.quantised:
            part.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=part.dtype)
        if self._streamed(name):
            self._stream(part.encoder if name == "text_encoder" else part)
        for entry in (getattr(part, piece) for piece in ENTRIES[name]) if name in ENTRIES else (part,):
            entry.register_forward_pre_hook(lambda module, given: self.bring(name))
        if self.memory == "resident":
            self.bring(name)

    # Quantised weights of torchao do not move in inference mode.
    @torch.inference_mode(False)
    def bring(self, name: str) -> None:
        """Have a part on the device, or room for it where its own pieces come one by one."""
        if name in self.here:
            return
        if self.memory != "resident":
            self.park()
        if not self._streamed(name):
            self.parts[name].to(self.device)
        self.here.add(name)

    @torch.inference_mode(False)
    def park(self) -> None:
        """Take everything off the device."""
        for name in self.here:
            if not self._streamed(name):
                self.parts[name].to(HOST)
        self.here.clear()

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
