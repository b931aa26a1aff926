"""What MuseTalk hears of a speech: for each frame, the states of Whisper's encoder around it.

The encoder says fifty states a second, each in as many layers as it has and one more. A frame gets ten of them, from
four before it to five after; where there is no sound, they are zero.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from workers.base import OnProgress, Progress, ignore_progress
from workers.media.audio import resampled
from workers.voice.base import Speech

RATE = 16_000
PIECE_SECONDS = 30  # Whisper's own window; pieces are heard one by one
STATES = 50  # a second
BEFORE, AFTER = 4, 6
PIECES_KEPT = 2


class Hearing:
    """A speech as the network hears it, for a clip of `frames` frames at `fps`; behind the speech there is silence."""

    def __init__(self, speech: Speech, fps: Fraction, frames: int, encoder: Any, extractor: Any) -> None:
        sound = resampled(speech.samples, speech.rate, RATE)
        self.seconds = frames / fps
        wanted = math.ceil(self.seconds * RATE)
        self.samples = torch.zeros(wanted)
        self.samples[: min(wanted, len(sound))] = torch.from_numpy(sound[:wanted].copy())
        self.states = max(1, math.floor(self.seconds * STATES))
        self.fps, self.encoder, self.extractor = fps, encoder, extractor
        self._heard: OrderedDict[int, Tensor] = OrderedDict()

    def around(self, place: int) -> Tensor:
        """Return what is heard around the frame at a place: float32 [10 x layers, width]."""
        begin = math.floor(place / self.fps * STATES) - BEFORE
        return torch.stack([self._state(at) for at in range(begin, begin + BEFORE + AFTER)]).flatten(0, 1)

    def listen(self, first: int, on_progress: OnProgress = ignore_progress) -> None:
        """Hear the piece of the frame at the place `first`, so that what it raises comes before the first frame."""
        on_progress(Progress(stage="listening"))
        self.around(first)

    def _state(self, at: int) -> Tensor:
        if not 0 <= at < self.states:
            return torch.zeros_like(self._piece(min(max(0, at), self.states - 1) // (PIECE_SECONDS * STATES))[0])
        piece, within = divmod(at, PIECE_SECONDS * STATES)
        return self._piece(piece)[within]

    def _piece(self, number: int) -> Tensor:
        """Return the states of one piece, float32 [1500, layers, width]."""
        if number not in self._heard:
            begin = number * PIECE_SECONDS * RATE
            heard = self.extractor(
                self.samples[begin : begin + PIECE_SECONDS * RATE].numpy(), sampling_rate=RATE, return_tensors="pt"
            ).input_features
            with torch.inference_mode():
                layers = self.encoder(heard.to(self.encoder.device), output_hidden_states=True).hidden_states
                self._heard[number] = torch.stack(layers, 2)[0].float()
            while len(self._heard) > PIECES_KEPT:
                self._heard.popitem(last=False)
        self._heard.move_to_end(number)
        return self._heard[number]


def placed(heard: Tensor) -> Tensor:
    """Return what was heard [B, N, width] with each state's place added: sines and cosines (arXiv:1706.03762)."""
    count, width = heard.shape[-2:]
    places = torch.arange(count, dtype=torch.float32, device=heard.device)[:, None]
    steps = torch.arange(0, width, 2, dtype=torch.float32, device=heard.device)
    waves = places * torch.exp(steps * (-math.log(10_000.0) / width))
    return heard + torch.stack((waves.sin(), waves.cos()), -1).flatten(1)[:, :width]
