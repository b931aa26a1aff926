"""The one way to a longer prompt, for jobs, commands and films: the rules at once, or the model that is chosen."""

from __future__ import annotations

from workers.base import EngineError, OnProgress, ignore_progress
from workers.engines.instruct import cards
from workers.prompts import compose as rules
from workers.prompts.compose import Suggestion, compose
from workers.prompts.write import Target
from workers.weights import catalog


def enhance(
    prompt: str,
    seed: int,
    *,
    engine: str = "",
    target: Target = "t2v",
    model: str = "",
    on_progress: OnProgress = ignore_progress,
    keep: bool = True,
) -> Suggestion:
    """Return a longer prompt beside the one that was given.

    `engine` is what writes, by default what is chosen for the studio (CINEVIVID_PROMPT_ENGINE); `model` is the video
    model that it is for, and `target` is "i2v" for a film that begins with a picture. Unless `keep`, a model's memory
    is free again afterwards. Raises PromptError, EngineError when the writer cannot be loaded, and what `on_progress`
    raises.
    """
    engine = engine or catalog.chosen("prompt")
    if engine == rules.ENGINE:
        return compose(prompt, seed, target=target, model=model)
    from workers.engines import registry

    try:
        cards.get(engine)
    except KeyError:
        raise EngineError("model_unknown", f"No writer of prompts is called {engine}.") from None
    writer = registry.get("prompt", engine)
    try:
        told: Suggestion = writer.enhance(prompt, seed, target=target, model=model, on_progress=on_progress)
    finally:
        if not keep:
            writer.release()
    return told
