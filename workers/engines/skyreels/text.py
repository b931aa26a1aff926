"""Prompts to embeddings, remembered: the eight prompts of a batch share one negative prompt."""

from __future__ import annotations

import html
import re
from collections import OrderedDict

import ftfy
import torch

from workers.engines.skyreels.models import Components


def clean(text: str) -> str:
    """Mend mojibake, HTML entities and runs of spaces, as Wan's and diffusers' pipelines do before the tokenizer."""
    return re.sub(r"\s+", " ", html.unescape(html.unescape(ftfy.fix_text(text)))).strip()


class TextEncoder:
    """Encodes prompts and keeps the last `capacity` results, by model revision, length and text."""

    def __init__(self, capacity: int = 64) -> None:
        self.capacity = capacity
        self.forwards = 0
        self._kept: OrderedDict[tuple[str, int, str], torch.Tensor] = OrderedDict()

    @torch.inference_mode()
    def __call__(self, models: Components, prompt: str) -> torch.Tensor:
        """Return the embeddings [1, L, D] of one prompt, zero beyond its tokens; L is the model's sequence length.

        The zeros take part in cross-attention, which is what the weights were trained with.
        """
        text, length = clean(prompt), models.max_sequence_length
        key = (models.revision, length, text)
        if key not in self._kept:
            self._kept[key] = self._encode(models, text, length)
            self.forwards += 1
            if len(self._kept) > self.capacity:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    @staticmethod
    def _encode(models: Components, text: str, length: int) -> torch.Tensor:
        tokens = models.tokenizer(
            [text],
            padding="max_length",
            max_length=length,
            truncation=True,
            add_special_tokens=True,
            return_attention_mask=True,
            return_tensors="pt",
        )
        mask = tokens.attention_mask.to(models.device)
        hidden = models.text_encoder(tokens.input_ids.to(models.device), mask).last_hidden_state
        embeddings: torch.Tensor = hidden * mask.unsqueeze(-1).to(hidden.dtype)
        return embeddings.to(models.transformer.dtype)
