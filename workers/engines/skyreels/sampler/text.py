"""Prompts to embeddings, remembered: the eight prompts of a batch share one negative prompt.

With a folder in `CINEVIVID_TEXT_CACHE` they are remembered on the disk too, at most `CINEVIVID_TEXT_CACHE_MB` (1000) of
them. A worker that meets only known prompts then never reads its text encoder, which is larger than a small model.
"""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import tempfile
from collections import OrderedDict
from pathlib import Path

import ftfy
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from workers.engines.skyreels.memory.components import Components


def clean(text: str) -> str:
    """Mend mojibake, HTML entities and runs of spaces, as Wan's and diffusers' pipelines do before the tokenizer."""
    return re.sub(r"\s+", " ", html.unescape(html.unescape(ftfy.fix_text(text)))).strip()


class Shelf:
    """Embeddings in a folder, a file each, at most `limit` bytes: those that were not used for the longest time go."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit

    @classmethod
    def of_environment(cls) -> Shelf | None:
        """Return the shelf that the environment names, None without one."""
        folder = os.environ.get("CINEVIVID_TEXT_CACHE")
        return cls(Path(folder), int(os.environ.get("CINEVIVID_TEXT_CACHE_MB") or 1000) * 10**6) if folder else None

    def get(self, key: tuple[str, ...]) -> torch.Tensor | None:
        """Return what was put under `key`, None when it is not there; a damaged file counts as not there."""
        path = self._path(key)
        try:
            embeddings: torch.Tensor = load_file(path)["embeddings"]
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, KeyError):
            path.unlink(missing_ok=True)
            return None
        return embeddings

    def put(self, key: tuple[str, ...], embeddings: torch.Tensor) -> None:
        """Keep `embeddings`; other processes see the whole file or none. A full disk costs no job."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.folder) as place:
                made = Path(place) / "embeddings"
                save_file({"embeddings": embeddings.cpu().contiguous()}, made)
                made.replace(self._path(key))
            self._trim()
        except OSError:
            return

    def _path(self, key: tuple[str, ...]) -> Path:
        return self.folder / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()}.safetensors"

    def _trim(self) -> None:
        files = sorted((f.stat().st_mtime_ns, f.stat().st_size, f) for f in self.folder.glob("*.safetensors"))
        total = sum(size for _, size, _ in files)
        for _, size, file in files[:-1]:
            if total <= self.limit:
                return
            file.unlink(missing_ok=True)
            total -= size


class TextEncoder:
    """Encodes prompts and keeps the last `capacity` results, by model revision, length and text.

    `forwards` counts how often the model was asked.
    """

    def __init__(self, capacity: int = 64) -> None:
        self.capacity = capacity
        self.forwards = 0
        self.shelf = Shelf.of_environment()
        self._kept: OrderedDict[tuple[str, int, str], torch.Tensor] = OrderedDict()

    @torch.inference_mode()
    def __call__(self, models: Components, prompt: str) -> torch.Tensor:
        """Return the embeddings [1, L, D] of one prompt, zero beyond its tokens; L is the model's sequence length.

        The zeros take part in cross-attention, which is what the weights were trained with.
        """
        text, length = clean(prompt), models.max_sequence_length
        key = (models.revision, length, text)
        if key not in self._kept:
            self._kept[key] = self._read(models, text, length)
            if len(self._kept) > self.capacity:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _read(self, models: Components, text: str, length: int) -> torch.Tensor:
        key = (models.revision, str(models.transformer.dtype), str(length), text)
        known = self.shelf.get(key) if self.shelf else None
        if known is not None:
            return known.to(models.device)
        embeddings = self._encode(models, text, length)
        self.forwards += 1
        if self.shelf:
            self.shelf.put(key, embeddings)
        return embeddings

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
