"""Longer prompts, as words."""

from __future__ import annotations

from workers.base import Progress
from workers.tasks.registry import Made, Request, recipe, task


@task("prompt")
def prompt(request: Request) -> Made:
    """Write a longer prompt; the data has it beside the given one, with its shot and what was changed.

    Raises PromptError, EngineError, or Cancelled through `on_progress`.
    """
    from workers.enhance import enhance
    from workers.prompts.compose import ENGINE

    params = request.params
    engine = params.get("engine") or ENGINE
    told = enhance(
        params["prompt"],
        params["seed"],
        engine=engine,
        target=params.get("target") or "t2v",
        model=params.get("model_id") or "",
        on_progress=request.on_progress,
    )
    request.on_progress(Progress(stage="encoding", step=1, steps=1))
    packages = () if engine == ENGINE else ("torch", "transformers", "llguidance")
    return Made(data=told.to_json(), engine=told.engine, recipe=recipe("prompt", params, engine, packages=packages))
