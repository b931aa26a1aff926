"""The API reference, and the OpenAPI document that it is made from."""

import re
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.errors import CATALOGUE, problem
from apps.reference import walk
from apps.tools import registry


def docs(request: HttpRequest, slug: str = "") -> HttpResponse:
    """One chapter of the API reference, or its first page: how to begin, the chapters, the errors and the objects.

    What it shows is the same for everybody, and made once for each language.
    """
    same = _same()
    chapter = _reference(*same).chapter(slug)
    if slug and not chapter:
        raise Http404
    return render(request, "reference/docs.html", {"chapter": chapter, "body": _body(slug, *same)})


class Schema(SpectacularAPIView):
    """The OpenAPI document, as YAML or, with `?format=json`, as JSON."""

    def _get_schema_response(self, request: Request) -> Response:
        headers = {"Content-Disposition": f'inline; filename="{self._get_filename(request, None)}"'}  # type: ignore[no-untyped-call]
        return Response(data=document(*_same()), headers=headers)


def _same() -> tuple[str, str, tuple[str, ...]]:
    """What the document depends on: the language, the address of the studio, and its tools."""
    return get_language() or "", settings.SITE_URL, tuple(tool.slug for tool in registry.tools())


@lru_cache(maxsize=8)
def document(language: str, site: str, tools: tuple[str, ...]) -> dict[str, Any]:
    """Return the OpenAPI document."""
    generator = SpectacularAPIView.generator_class()
    return dict(generator.get_schema(request=None, public=True))  # type: ignore[no-untyped-call]


@lru_cache(maxsize=8)
def _reference(language: str, site: str, tools: tuple[str, ...]) -> walk.Reference:
    """Return what the pages show of the document."""
    return walk.read(document(language, site, tools), site)


@lru_cache(maxsize=256)
def _body(slug: str, language: str, site: str, tools: tuple[str, ...]) -> SafeString:
    """Return a page below the top bar, as HTML."""
    reference = _reference(language, site, tools)
    rates: dict[str, str] = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]  # type: ignore[assignment]
    context = {
        "reference": reference,
        "chapter": reference.chapter(slug),
        "site": site,
        "errors": [entry for code, entry in CATALOGUE.items() if code in reference.codes],
        "of_jobs": [entry for entry in CATALOGUE.values() if entry.code in OF_JOBS],
        "refusal": problem("insufficient_credits"),
        "rates": {name: rate.partition("/")[0] for name, rate in rates.items() if rate},
        "largest_mb": settings.MAX_UPLOAD_BYTES // 10**6,
        "body_mb": settings.DATA_UPLOAD_MAX_MEMORY_SIZE / 10**6,
    }
    return slim(render_to_string("reference/body.html", context))


# Elements beside which white space is not shown.
_BLOCK = (
    r"</?(?:div|dl|dt|dd|ul|li|section|figure|figcaption|details|summary|h[1-6]|p|table|thead|tbody|tr|t[dh])\b[^>]*>"
)


def slim(html: SafeString) -> SafeString:
    """Return HTML without its indentation, except in what is shown as it is written."""
    parts = re.split(r"(<pre\b.*?</pre>)", html, flags=re.DOTALL)
    return mark_safe("".join(part if part.startswith("<pre") else _slim(part) for part in parts))


def _slim(html: str) -> str:
    return re.sub(rf"\s*({_BLOCK})\s*", r"\1", re.sub(r"\s*\n\s*", "\n", html))


OF_JOBS = {
    *("generation_failed", "generation_timeout", "input_missing", "prerequisite_failed", "worker_lost"),
    *("out_of_memory", "model_not_ready", "storage_failed"),
}
