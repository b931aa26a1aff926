"""Health, and what is shown when something is not there."""

import sys
from collections.abc import Callable
from typing import Any

import redis
import structlog
from django.conf import settings
from django.contrib.contenttypes.views import shortcut
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent, ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt
from django_htmx.http import reswap, retarget

from apps import outages
from apps.errors import problem
from apps.problems import MEDIA_TYPE, of_api, retry_after
from apps.tools import registry
from apps.tools.context import tools
from cinevivid import expired

log = structlog.get_logger(__name__)


def view_on_site(request: HttpRequest, content_type_id: str, object_id: str) -> HttpResponse:
    """The page of a thing that the administration lists.

    Django's own view leaves a :exc:`ValidationError` for an id that is no UUID where the model has one.
    """
    try:
        return shortcut(request, content_type_id, object_id)
    except ValidationError as not_an_id:
        raise Http404 from not_an_id


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
    """Database, Redis (of a fleet) and storage answer; 503 names the one that does not."""
    checks: dict[str, Callable[[], object]] = {"database": _database, "storage": _storage}
    if settings.REDIS_URL:
        checks["redis"] = _redis
    state = {}
    for name, check in checks.items():
        try:
            check()
            state[name] = "ok"
        except Exception as error:
            log.warning("not_ready", part=name, error=type(error).__name__)
            state[name] = "failed"
    return JsonResponse(state, status=503 if "failed" in state.values() else 200)


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _redis() -> None:
    # Not the cache, which goes on without Redis.
    with redis.Redis.from_url(settings.REDIS_URL, retry=None, socket_connect_timeout=2, socket_timeout=2) as client:
        client.ping()


def _storage() -> None:
    if isinstance(default_storage, FileSystemStorage):
        # Only writing shows that a disk is full, or that a folder belongs to somebody else.
        default_storage.delete(default_storage.save("readyz", ContentFile(b"ready" * 1000)))
    else:
        default_storage.exists("readyz")


def error_page(request: HttpRequest, code: str, message: str = "", **details: Any) -> HttpResponse:
    """One error of the catalogue as the caller wants it: problem JSON, a toast for htmx, or a page."""
    body = problem(code, message, **details)
    if of_api(request.path):
        return problem_json(body)
    if getattr(request, "htmx", False):
        return problem_toast(body, render_to_string("components/toast.html", {"problem": body}, request))
    return problem_page(body, render_to_string("error.html", {"problem": body}, request))


def problem_json(body: dict[str, Any]) -> HttpResponse:
    """A problem for a program."""
    return JsonResponse(body, status=body["status"], content_type=MEDIA_TYPE, headers=retry_after(body))


def problem_page(body: dict[str, Any], html: str) -> HttpResponse:
    """A problem for a person, as a page."""
    return HttpResponse(html, status=body["status"], headers=retry_after(body))


def problem_toast(body: dict[str, Any], html: str) -> HttpResponse:
    """A problem for a person, as a toast that htmx adds to the page."""
    return reswap(retarget(problem_page(body, html), "#toasts"), "beforeend")


def outage_page(request: HttpRequest, error: BaseException | None) -> HttpResponse | None:
    """Answer an outage as its row of the catalogue; None for any other error.

    The page is that of a visitor: to know who asks takes the database, which may be what is away.
    """
    code = outages.code_of(error)
    if not error or not code:
        return None
    outages.tell(error, "page")
    body = problem(code)
    if of_api(request.path):
        return problem_json(body)
    context = {"problem": body, **tools(request)}
    if "HX-Request" in request.headers:  # `request.htmx` may not be there yet
        return problem_toast(body, render_to_string("components/toast.html", context))
    return problem_page(body, render_to_string("error.html", context))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return error_page(request, "body_too_large")
    if isinstance(exception, TooManyFieldsSent | TooManyFilesSent):
        return error_page(request, "invalid_request", gettext("The form has too many fields or files."))
    return error_page(request, "invalid_request")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, "permission_denied")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Offer what was typed once more, where a page of this site has sent it."""
    if of_api(request.path) or not request.POST or not expired.from_this_site(request):
        return error_page(request, "csrf_failed")
    body = problem("csrf_failed")
    answer = problem_page(
        body, render_to_string("expired.html", {"problem": body, "form": expired.typed(request)}, request)
    )
    if "HX-Request" not in request.headers:
        return answer
    answer.headers["HX-Reselect"] = "#main"
    return reswap(retarget(answer, "#main"), "outerHTML")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, "not_found")


@csrf_exempt
def api_not_found(request: HttpRequest, _: str = "") -> HttpResponse:
    """What no address of the API matches; of one without its last slash, which it is."""
    whole = f"{request.path_info}/"
    try:
        known = resolve(whole).func is not api_not_found
    except Resolver404:
        known = False
    return error_page(
        request,
        "not_found",
        gettext("There is nothing here. Did you mean %(address)s?") % {"address": whole} if known else "",
    )


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """What the account pages answer beyond their rate limits."""
    return error_page(request, "rate_limited")


def server_error(request: HttpRequest) -> HttpResponse:
    """What no view and no middleware has caught; Django calls this while it handles the exception."""
    return outage_page(request, sys.exc_info()[1]) or error_page(request, "internal_error")
