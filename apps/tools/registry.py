"""The registry of tools. A tool is declared once; its page, API path, schema, price and card come from here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.http import Http404
from django.urls import reverse

LARGE_QUEUE = "gpu-large"  # for workers whose cards share one film


@dataclass(frozen=True, slots=True)
class Quote:
    """What a run will cost: credits to hold, expected seconds (None when never measured), and what will be made."""

    credits: int
    seconds: float | None
    summary: str


class ToolForm(forms.Form):
    """The parameters of a tool. `advanced` names the fields that the page folds away."""

    advanced: ClassVar[tuple[str, ...]] = ()

    def plain_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name not in self.advanced]

    def advanced_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name in self.advanced]

    def advanced_has_errors(self) -> bool:
        return any(field.errors for field in self.advanced_fields())


class Tool:
    """Something that a user can make. Subclass, fill in, decorate with `@register`."""

    slug: ClassVar[str]
    title: ClassVar[str]
    tagline: ClassVar[str]
    icon: ClassVar[str] = "film"
    category: ClassVar[str] = "Video"
    popular: ClassVar[bool] = False
    task: ClassVar[str]
    queue: ClassVar[str] = "gpu"
    verb: ClassVar[str] = "Generate"
    clip: ClassVar[str] = ""
    form_class: ClassVar[type[ToolForm]]
    template: ClassVar[str] = "tools/tool.html"

    def price(self, params: Mapping[str, Any]) -> int:
        """Credits for one run with these cleaned parameters."""
        raise NotImplementedError(f"{type(self).__name__} names no price")

    def price_of_part(self, params: Mapping[str, Any], frames: int) -> int:
        """Credits for a run that was stopped after `frames` of the frames that it was asked for."""
        return self.price({**params, "num_frames": frames})

    def queue_of(self, params: Mapping[str, Any]) -> str:
        """The queue of a run: that of the workers which have what it needs."""
        return self.queue

    def work(self, params: Mapping[str, Any]) -> float:
        """The size of a run in units that its time is proportional to."""
        return 1.0

    def summary(self, params: Mapping[str, Any]) -> str:
        """What will be made, in a few words."""
        return self.title

    def job_title(self, params: Mapping[str, Any]) -> str:
        """How the library names the job."""
        return str(params.get("prompt") or self.title)

    @property
    def description(self) -> str:
        return (self.__doc__ or "").strip()

    @property
    def page_context(self) -> dict[str, Any]:
        """More that this tool's page shows, such as suggestions."""
        return {}

    def get_absolute_url(self) -> str:
        return reverse("tools:tool", args=[self.slug])


_tools: dict[str, Tool] = {}


def register(cls: type[Tool]) -> type[Tool]:
    """Add a tool. Raises ValueError when the slug is taken."""
    if cls.slug in _tools:
        raise ValueError(f"Two tools are called {cls.slug!r}.")
    _tools[cls.slug] = cls()
    return cls


def unregister(slug: str) -> None:
    del _tools[slug]


def tools() -> list[Tool]:
    """Every tool, popular ones first, then by title."""
    return sorted(_tools.values(), key=lambda tool: (not tool.popular, tool.title))


def by_category() -> dict[str, list[Tool]]:
    groups: dict[str, list[Tool]] = {}
    for tool in tools():
        groups.setdefault(tool.category, []).append(tool)
    return groups


def get(slug: str) -> Tool | None:
    return _tools.get(slug)


def get_or_404(slug: str) -> Tool:
    if slug not in _tools:
        raise Http404(f"No tool is called {slug!r}.")
    return _tools[slug]
