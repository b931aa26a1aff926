"""The pages that anybody may read: the landing page, the licence, and what search engines ask for."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import cache_control

from apps.billing.plans import connected
from apps.tools import registry
from apps.tools.videos import MODEL
from apps.tools.views import MAX_PENDING

DAY = 86_400  # seconds
AT_ONCE = 8  # films of the wall whose stills every window shows; those of the others come when they are in view
PRIVATE = (
    "accounts/",
    "admin/",
    "api/",
    "home/jobs/",
    "home/my-library",
    "home/billing",
    "home/credits",
    "live/",
    "media/",
    "studio/",
)


@dataclass(frozen=True, slots=True)
class Price:
    """A row of the price list: a run in words, its credits, and how many of it the credits of a new account pay."""

    name: str
    credits: int
    runs: int


@cache
def showcase() -> list[dict[str, Any]]:
    """The films of the landing page, each with what made it (`make showcase` writes both)."""
    path = settings.BASE_DIR / "static" / "clips" / "showcase.json"
    return list(json.loads(path.read_text())) if path.exists() else []


def landing(request: HttpRequest) -> HttpResponse:
    """The first page. The address may carry a prompt for its form."""
    wall, gallery = ([film for film in showcase() if film["place"] == place] for place in ("wall", "gallery"))
    doors = registry.doors()
    context = {
        "wall": [film | {"later": i >= AT_ONCE} for i, film in enumerate(wall)],
        "gallery": gallery,
        "doors": doors if len(doors) > 1 else [],  # one door is no choice: the form above leads through it
        "tools": registry.tools(),
        "prices": prices(),
        "examples": MODEL.examples,
        "prompt": request.GET.get("prompt", "")[:MAX_PENDING],
    }
    return render(request, "landing.html", context)


def prices() -> list[Price]:
    """The price list of all tools."""
    costs = [(name, tool.price(params)) for tool in registry.tools() for name, params in tool.priced]
    return [Price(name, cost, settings.FREE_CREDITS // cost) for name, cost in costs]


@cache_control(max_age=DAY)
def licence(request: HttpRequest) -> HttpResponse:
    """The licence of this software."""
    return _text((settings.BASE_DIR / "LICENSE").read_text())


@cache_control(max_age=DAY)
def robots(request: HttpRequest) -> HttpResponse:
    """What search engines leave alone."""
    home = reverse("landing")
    lines = ["User-agent: *", *(f"Disallow: {home}{path}" for path in PRIVATE)]
    return _text("\n".join([*lines, "", f"Sitemap: {settings.SITE_URL}{reverse('sitemap')}", ""]))


@cache_control(max_age=DAY)
def sitemap(request: HttpRequest) -> HttpResponse:
    """The pages that a visitor can read."""
    names = ("landing", "tools:all", "docs", *(("billing:pricing",) if connected() else ()))
    pages = [f"{settings.SITE_URL}{reverse(name)}" for name in names]
    return render(request, "sitemap.xml", {"pages": pages}, content_type="application/xml")


def _text(text: str) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
