"""Which noise levels a window goes through.

The makers of SkyReels-V2 (https://github.com/SkyworkAI/SkyReels-V2) place `steps` levels evenly from 0.999 down to, and
without, 0, and then shift them towards noise; the model is told each level in whole thousandths, rounded down.
diffusers begins at 1 and ends before 0.001, so that most of its levels are a little higher.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from workers.engines.skyreels.memory.components import Components
from workers.engines.skyreels.request.spec import VideoSpec

THOUSANDTHS = 1000


def levels(steps: int, shift: float) -> list[float]:
    """Return the shares of noise before each step, as the official code computes them; after the last there is none."""
    # The official code keeps its ends in float32.
    even = np.linspace(float(np.float32(1 - 1 / THOUSANDTHS)), 0.0, steps + 1)[:-1]
    return [float(level) for level in shift * even / (1 + (shift - 1) * even)]


def scheduler_of(models: Components, spec: VideoSpec) -> Any:
    """Return a UniPC scheduler set to the noise levels of `spec`: diffusers' own, or those of the official code."""
    scheduler = models.scheduler(spec.shift)
    scheduler.set_timesteps(spec.steps, device=models.device)
    if spec.compat != "diffusers":
        shares = np.array(levels(spec.steps, spec.shift))
        scheduler.sigmas = torch.from_numpy(np.append(shares, 0.0).astype(np.float32))
        scheduler.timesteps = torch.from_numpy(shares * THOUSANDTHS).to(device=models.device, dtype=torch.int64)
    if spec.compat == "fixed":
        # Else the scheduler looks the first timestep up by value and skips a step where rounding made two equal.
        scheduler.set_begin_index(0)
    return scheduler
