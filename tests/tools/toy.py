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
    noun, nouns = "boat", "boats"
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
    from workers.tasks import registry as tasks

    @tasks.task("toy.boat")
    def fold(request):
        if make:
            make(request.params, request.folder, request.on_progress)
        (request.folder / "boat.mp4").write_bytes(b"boat")
        boat = tasks.MadeAsset(kind="video", files={"file": request.folder / "boat.mp4"}, facts={"bytes": 4})
        made_from = tasks.recipe("toy.boat", request.params, "paper")
        return tasks.Made(assets=[boat], engine="paper", recipe=made_from)

    registry.register(ToyTool)

    def remove():
        registry.unregister(ToyTool.slug)
        tasks.forget("toy.boat")

    return remove
