"""A tool that exists only here."""

from functools import cache

from django import forms

from apps.tools.registry import Tool, ToolForm


class ToyForm(ToolForm):
    prompt = forms.CharField(max_length=20)
    size = forms.IntegerField(min_value=1, max_value=5, initial=2, required=False)


class ToyTool(Tool):
    """Fold a paper boat."""

    slug = "paper-boat"
    title = "Paper boat"
    tagline = "A boat, folded from your words."
    icon = "sparkles"
    category = "Toys"
    task = "toy.boat"
    form_class = ToyForm

    def price(self, params):
        return 5 * (params["size"] or 2)


@cache
def toy_tool(price):
    """A toy with a fixed price, not registered."""
    return type("PricedToy", (ToyTool,), {"price": lambda self, params: price})()


def install(make=None):
    """Register the toy tool and its task; returns a function that removes both.

    `make(params, folder, on_progress)` may do something in the middle of the job.
    """
    from apps.tools import registry
    from workers.tasks import TASKS, Made, recipe

    def fold(params, folder, on_progress, keeper):
        if make:
            make(params, folder, on_progress)
        (folder / "boat.mp4").write_bytes(b"boat")
        return Made("video", {"file": folder / "boat.mp4"}, {"bytes": 4}, "paper", recipe("toy.boat", params, "paper"))

    registry.register(ToyTool)
    TASKS["toy.boat"] = fold

    def remove():
        registry.unregister(ToyTool.slug)
        del TASKS["toy.boat"]

    return remove
