"""Writers of prompts: the rules of the shot grammar, and instruct models whose every answer fits its JSON schema."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import torch

from workers.base import EngineError, OnProgress, Progress, Sentence, ignore_progress
from workers.engines import registry
from workers.engines.instruct import cards
from workers.prompts.compose import ENGINE, SMALL_WORLDS, Suggestion, compose, written
from workers.prompts.schema import INSTRUCTION, TEXT, schema, suggestion
from workers.prompts.write import Target
from workers.weights import folder as models_folder
from workers.weights.card import WeightCard

MAX_NEW_TOKENS = 700
MAX_SECONDS = 90.0
MAX_ASKED_TOKENS = 3000
GB = 1e9


class Composer:
    """The rules, as an engine: nothing is loaded."""

    def __init__(self, name: str = ENGINE) -> None:
        self.name = name

    def load(self) -> None:
        """Do nothing: the rules are there."""

    def release(self) -> None:
        """Do nothing: the rules take no memory."""

    def enhance(
        self,
        prompt: str,
        seed: int,
        *,
        target: Target = "t2v",
        model: str = "",
        on_progress: OnProgress = ignore_progress,
    ) -> Suggestion:
        """Return what the rules suggest."""
        return compose(prompt, seed, target=target, model=model)


class Writer:
    """An instruct model of the catalogue: read once, kept for the jobs that follow, and let go with `release`.

    Its answer is constrained to the schema of a shot, token by token, by llguidance. When it says something else than
    it was asked for, or does not end within `max_seconds`, the rules answer, and a note says so.
    """

    def __init__(
        self,
        name: str,
        *,
        max_new_tokens: int | None = None,
        max_seconds: float = MAX_SECONDS,
        longest: int = TEXT,
    ) -> None:
        self.name, self.schema = name, schema(longest)
        self.max_new_tokens, self.max_seconds = max_new_tokens or MAX_NEW_TOKENS, max_seconds
        self.loads = 0
        self._loaded: tuple[Any, Any, Any, str] | None = None  # model, tokenizer, llguidance's tokenizer, grammar
        self._lock = threading.Lock()

    def load(self) -> None:
        """Read the model. Raises EngineError: "model_not_ready", "memory_short" or "model_broken"."""
        with self._lock:
            if self._loaded is None:
                self._loaded = self._read()
                self.loads += 1
            models_folder.used(cards.get(self.name))

    def release(self) -> None:
        """Let the memory go, for a video model that needs it; the next prompt reads the model again."""
        with self._lock:
            self._loaded = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _read(self) -> tuple[Any, Any, Any, str]:
        from llguidance import LLMatcher
        from llguidance.hf import from_tokenizer
        from transformers import AutoModelForCausalLM, AutoTokenizer

        card = cards.get(self.name)
        folder = card.folder()
        if folder is None:
            text = f"The model {card.title} is not on this machine yet."
            if card.repo:
                text += f" The operator brings it with: python manage.py models download {card.id}."
            raise EngineError("model_not_ready", text)
        weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
        if not roomy(weights):
            registry.make_room(self)
        device = place(weights, card.title)
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
            model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", use_safetensors=True)
            model.to(device).eval()
            # The grammar's own tokens are as many as the model gives scores for, which is padded.
            grammar_tokens = from_tokenizer(tokenizer, n_vocab=model.config.vocab_size)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise EngineError("model_broken", f"The model {card.title} cannot be loaded.") from error
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(self.schema), overrides={"whitespace_flexible": False})
        return model, tokenizer, grammar_tokens, grammar

    def enhance(
        self,
        prompt: str,
        seed: int,
        *,
        target: Target = "t2v",
        model: str = "",
        on_progress: OnProgress = ignore_progress,
    ) -> Suggestion:
        """Return what the model suggests; what the rules suggest when it says something else or does not end.

        Raises PromptError, on `prompt`, EngineError, and what `on_progress` raises.
        """
        text, _ = written(prompt, target)
        if model in SMALL_WORLDS:
            told = compose(prompt, seed, target=target, model=model)
            why = Sentence(
                "{model}'s sentences are written by the rules, not by {title}.", model=model, title=self._title
            )
            return _noted(told, why)
        on_progress(Progress(stage="loading"))
        self.load()
        answer = self.answer(text, seed, on_progress)
        if answer is None:
            why = Sentence("{title} did not finish in time, so the rules answered.", title=self._title)
        elif found := suggestion(prompt, answer, seed, self.name, target):
            return found
        else:
            why = Sentence("{title} wrote about something else, so the rules answered.", title=self._title)
        return _noted(compose(prompt, seed, target=target, model=model), why)

    def answer(self, prompt: str, seed: int, on_progress: OnProgress = ignore_progress) -> str | None:
        """Return the JSON that the model writes; None when it has not ended within its tokens and its time."""
        from transformers import StoppingCriteriaList

        assert self._loaded is not None, "load() comes first"
        model, tokenizer, grammar_tokens, grammar = self._loaded
        asked = _asked(tokenizer, prompt).to(model.device)
        guide = _Guide(grammar_tokens, grammar, tokenizer.eos_token_id)
        clock = _Clock(self.max_seconds, self.max_new_tokens, on_progress)
        ends = model.generation_config.eos_token_id
        with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
            torch.manual_seed(seed)
            with torch.inference_mode():
                made = model.generate(
                    asked,
                    attention_mask=torch.ones_like(asked),
                    max_new_tokens=self.max_new_tokens,
                    do_sample=True,
                    temperature=0.7,
                    top_p=0.9,
                    top_k=0,
                    logits_processor=[guide],
                    stopping_criteria=StoppingCriteriaList([clock]),
                    eos_token_id=ends if ends is not None else tokenizer.eos_token_id,
                    pad_token_id=tokenizer.eos_token_id,
                )
        written = made[0, asked.shape[1] :]
        return str(tokenizer.decode(written, skip_special_tokens=True)) if guide.ended else None

    @property
    def _title(self) -> str:
        return cards.get(self.name).title


def _noted(told: Suggestion, note: str) -> Suggestion:
    return dataclasses.replace(told, notes=(note, *told.notes))


def _asked(tokenizer: Any, prompt: str) -> torch.Tensor:
    """Return the ids of the conversation [1, tokens], with the end of a very long prompt left out."""
    talk = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": prompt}]
    if tokenizer.chat_template:
        asked = tokenizer.apply_chat_template(talk, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        return torch.as_tensor(asked["input_ids"])[:, :MAX_ASKED_TOKENS]
    text = f"{INSTRUCTION}\n\n{prompt}\n\n"
    return torch.as_tensor(tokenizer(text, return_tensors="pt")["input_ids"])[:, :MAX_ASKED_TOKENS]


class _Guide:
    """Allows only tokens with which the answer can still become a shot, and after the last one only its end."""

    def __init__(self, tokens: Any, grammar: str, eos: int) -> None:
        from llguidance import LLMatcher
        from llguidance.numpy import allocate_token_bitmask

        self.matcher, self.eos, self.ended = LLMatcher(tokens, grammar), eos, False
        self.bits = allocate_token_bitmask(1, tokens.vocab_size)
        self.begun = 0

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        import numpy as np
        from llguidance.numpy import fill_next_token_bitmask

        if not self.begun:
            self.begun = ids.shape[1]
        elif not self.ended:
            self.matcher.consume_token(int(ids[0, -1]))
        allowed = torch.zeros(scores.shape[-1], dtype=torch.bool)
        self.ended = self.ended or bool(self.matcher.is_accepting())
        if self.ended or self.matcher.is_error():
            allowed[self.eos] = True
        else:
            fill_next_token_bitmask(self.matcher, self.bits, 0)
            bits = np.unpackbits(self.bits[0].view(np.uint8), bitorder="little")[: scores.shape[-1]]
            allowed[: len(bits)] = torch.from_numpy(bits.astype(bool))
        return scores.masked_fill(~allowed.to(scores.device), -float("inf"))


class _Clock:
    """Ends an answer that takes too long, and tells how far it is."""

    def __init__(self, seconds: float, tokens: int, on_progress: OnProgress) -> None:
        self.ends, self.tokens, self.on_progress = time.monotonic() + seconds, tokens, on_progress
        self.done = 0

    def __call__(self, ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        self.done += 1
        self.on_progress(Progress(stage="writing", step=min(self.done, self.tokens), steps=self.tokens))
        over = time.monotonic() >= self.ends
        return torch.full((ids.shape[0],), over, dtype=torch.bool, device=ids.device)


def roomy(weights: float) -> bool:
    """Whether weights of so many bytes fit into what is free on the card; into the memory where there is no card."""
    return _needed(weights) <= (_free_on_card() if torch.cuda.is_available() else _free_memory())


def _needed(weights: float) -> float:
    return weights + min(cards.WORKING_GB * GB, max(weights, 0.1 * GB))


def _free_on_card() -> float:
    limit, (free, _) = os.environ.get("CINEVIVID_DEVICE_GB"), torch.cuda.mem_get_info()
    return min(free, float(limit) * GB) if limit else free


def _free_memory() -> float:
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def place(weights: float, title: str) -> str:
    """Return the device on which weights of so many bytes fit. Raises EngineError("memory_short").

    `CINEVIVID_DEVICE_GB` stands for the memory of the card where it is set, as for films.
    """
    needed = _needed(weights)
    if torch.cuda.is_available() and needed <= _free_on_card():
        return "cuda"
    if needed <= _free_memory():
        return "cpu"
    text = f"{title} needs {needed / GB:.0f} GB of memory: choose a smaller model for prompts, or the rules."
    raise EngineError("memory_short", text)


def check(card: WeightCard, folder: Path) -> None:
    """Compare the class of the model with the headers of its files. Raises EngineError("model_broken")."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    part = "tokenizer"
    try:
        AutoTokenizer.from_pretrained(folder)
        part = "weights"
        asked = {"device_map": "meta", "output_loading_info": True, "use_safetensors": True}
        _, info = AutoModelForCausalLM.from_pretrained(folder, **asked)
        if missing := sorted(info["missing_keys"]):
            raise ValueError(f"{missing[0]} is missing")
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        why = str(error).strip().split("\n")[0][:200]
        raise EngineError("model_broken", f"The model's {part} cannot be loaded: {why}") from error
