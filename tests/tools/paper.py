"""A tool that begins with what others have made: a chain of words, each job adding its own."""

import threading

from django import forms

from apps.library.models import Generation
from apps.tools import services
from apps.tools.fields import AssetField
from apps.tools.registry import Tool, ToolForm

Status = Generation.Status


class ChainForm(ToolForm):
    prompt = forms.CharField(max_length=200)
    first = AssetField("video")
    second = AssetField("video")


class ChainTool(Tool):
    """Add a word to what two others have said."""

    slug = "paper-chain"
    title = "Paper chain"
    tagline = "Words on a string."
    category = "Toys"
    noun, nouns = "chain", "chains"
    task = "toy.chain"
    form_class = ChainForm

    def price(self, params):
        return params.get("price", 10)

    def queue_of(self, params):
        return params.get("queue", "gpu")


class Paper:
    """The tool, its task, and a hand on what happens in the middle of a job."""

    def __init__(self):
        self.tool = ChainTool()
        self.held = {}  # prompt → (reached, go on)
        self.errors = {}  # prompt → exceptions, one for each run
        self.runs = []
        self.planned = lambda prompt, waits_for=(), **params: services.Planned(
            self.tool, {"prompt": prompt} | params, waits_for
        )

    def submit(self, user, prompt, *, waits_for=(), key="", **params):
        digest = {"idempotency_key": key, "request_digest": prompt} if key else {}
        return services.submit(user, self.tool, {"prompt": prompt} | params, waits_for=waits_for, **digest)

    def group(self, user, *planned, title="A batch"):
        return services.submit_group(user, "batch", title, planned)

    def hold(self, prompt):
        """Let the job with this prompt stop in its middle; returns the events (reached, go on)."""
        self.held[prompt] = threading.Event(), threading.Event()
        return self.held[prompt]

    def make(self, request):
        from workers.tasks import registry as tasks

        prompt = request.params["prompt"]
        self.runs.append(prompt)
        if prompt in self.held:
            reached, go_on = self.held[prompt]
            reached.set()
            assert go_on.wait(120)
        if errors := self.errors.get(prompt):
            raise errors.pop(0)
        before = [path.read_text() for paths in request.inputs.values() for path in paths]
        (file := request.folder / "chain.mp4").write_text(" ".join([*before, prompt]))
        chain = tasks.MadeAsset(kind="video", files={"file": file}, facts={"bytes": file.stat().st_size})
        return tasks.Made(assets=[chain], engine="paper", recipe=tasks.recipe("toy.chain", request.params, "paper"))


def install():
    """Register the tool and its task; returns the hand on it and a function that removes both."""
    from apps.tools import registry
    from workers.tasks import registry as tasks

    paper = Paper()
    tasks.task("toy.chain")(paper.make)
    registry.register(ChainTool)

    def remove():
        for _, go_on in paper.held.values():
            go_on.set()
        registry.unregister(ChainTool.slug)
        tasks.forget("toy.chain")

    return paper, remove


def fresh(job):
    return Generation.objects.get(pk=job.pk)


def statuses(jobs):
    return [fresh(job).status for job in jobs]
