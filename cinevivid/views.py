"""The landing page, health, and what is shown when something is not there."""

import json
from functools import cache
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache as shared_cache
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.storage import default_storage
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django_htmx.http import reswap, retarget

from apps.errors import problem
from apps.tools import registry
from apps.tools.videos import MODEL

log = structlog.get_logger(__name__)


@cache
def showcase() -> list[dict[str, Any]]:
    """The clips of the landing page with the prompts that made them (`make showcase` writes both)."""
    path = settings.BASE_DIR / "static" / "clips" / "showcase.json"
    return list(json.loads(path.read_text())) if path.exists() else []


def landing(request: HttpRequest) -> HttpResponse:
    clips = showcase()
    return render(request, "landing.html", {"clips": clips, "hero": clips[0] if clips else None, "prices": prices()})


def prices() -> list[dict[str, int]]:
    """Return what films of some lengths cost as the page makes them, and how many of them the free credits make."""
    tool = registry.main()
    usual = tool.form_class.page_data()
    costs = {seconds: tool.price(usual | {"num_frames": seconds * MODEL.fps}) for seconds in (3, 10, 30)}
    return [
        {"seconds": seconds, "credits": cost, "films": settings.FREE_CREDITS // cost} for seconds, cost in costs.items()
    ]


def manifest(request: HttpRequest) -> JsonResponse:
    return JsonResponse(
        {
            "name": settings.SITE_NAME,
            "short_name": settings.SITE_NAME,
            "start_url": registry.main().get_absolute_url(),
            "display": "standalone",
            "background_color": "#0b0c10",
            "theme_color": "#0b0c10",
            "icons": [{"src": "/static/img/mark.svg", "sizes": "any", "type": "image/svg+xml"}],
        }
    )


def healthz(request: HttpRequest) -> JsonResponse:
    """This process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """Database, cache (and with it the queue's Redis) and storage answer; 503 names the one that does not."""
    checks = {"database": _database, "cache": _cache, "storage": _storage}
    failed = []
    for name, check in checks.items():
        try:
            check()
        except Exception:
            log.warning("not_ready", part=name, exc_info=True)
            failed.append(name)
    state = {name: "failed" if name in failed else "ok" for name in checks}
    return JsonResponse(state, status=503 if failed else 200)


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _cache() -> None:
    shared_cache.set("readyz", "1", 5)


def _storage() -> None:
    default_storage.exists("readyz")


def error_page(request: HttpRequest, code: str, message: str = "", **details: Any) -> HttpResponse:
    """One error of the catalogue as the caller wants it: problem JSON, a toast for htmx, or a page."""
    body = problem(code, message, **details)
    if request.path.startswith("/api/"):
        return JsonResponse(body, status=body["status"], content_type="application/problem+json")
    if getattr(request, "htmx", False):
        response = render(request, "components/toast.html", {"problem": body}, status=body["status"])
        return reswap(retarget(response, "#toasts"), "beforeend")
    return render(request, "error.html", {"problem": body}, status=body["status"])


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return error_page(request, "body_too_large")
    if isinstance(exception, TooManyFieldsSent | TooManyFilesSent):
        return error_page(request, "invalid_request", "The form has too many fields or files.")
    return error_page(request, "invalid_request")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, "permission_denied")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_page(request, "csrf_failed")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, "not_found")


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """What the account pages answer beyond their rate limits."""
    return error_page(request, "rate_limited")


def server_error(request: HttpRequest) -> HttpResponse:
    return error_page(request, "internal_error")
