"""Middleware: probes, refusals, policies, lines of the log, and errors of the catalogue as answers."""

from collections.abc import Callable
from typing import Any

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.db import connections
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.common import CommonMiddleware
from django_structlog.middlewares import RequestMiddleware
from django_structlog.signals import bind_extra_request_metadata

from apps import outages
from apps.accounts.authentication import CHALLENGE
from apps.errors import StudioError
from apps.problems import of_api
from cinevivid.logs import route_of
from cinevivid.views import error_page, healthz, outage_page, readyz

GetResponse = Callable[[HttpRequest], HttpResponse]
OPEN_DURING_MAINTENANCE = ("/admin/", "/static/", "/accounts/login")
PROBES = {"/healthz": healthz, "/readyz": readyz}


class ProbeMiddleware:
    """Answers probes before anything asks for TLS or a known host: they come straight to this process."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return PROBES.get(request.path, self.get_response)(request)


class NulMiddleware:
    """Refuses an address or a cookie with the character NUL, which no text of a database can hold."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = (request.path, *request.COOKIES, *request.COOKIES.values())
        if "%00" in request.META.get("QUERY_STRING", "") or any("\0" in text for text in given):
            return error_page(request, "invalid_request", "The address or a cookie has the character NUL.")
        return self.get_response(request)


class SlashMiddleware(CommonMiddleware):
    """Redirects pages that lack their last slash. The API answers 404: a redirect would lose the body."""

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        return not of_api(request.path) and super().should_redirect_with_slash(request)


class PolicyMiddleware(CSPMiddleware):
    """Sends the content security policy of the site, and to the administration the one that its theme needs."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts: PolicyParts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith("/admin/") and not report_only:
            parts.config = settings.ADMIN_CONTENT_SECURITY_POLICY
        return parts


class ConnectionMiddleware:
    """Gives the database connection back before an answer that streams begins.

    Others are given back when the request ends. A film may be on its way for minutes, and would hold one all the time.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.streaming:
            for connection in connections.all(initialized_only=True):
                if not connection.in_atomic_block:  # a transaction is its caller's to end
                    connection.close_if_unusable_or_obsolete()
        return response


class RequestLogMiddleware(RequestMiddleware):
    """Logs requests by route: addresses carry prompts in their queries and one-time keys in their paths."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {route_of(request)}"

    def _process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Leave an outage to whoever answers it: there is no fault to trace, and no user to look up."""
        if not outages.code_of(exception):
            super()._process_exception(request, exception)


@receiver(bind_extra_request_metadata)
def forget_user_agent(log_kwargs: dict[str, Any], **kwargs: Any) -> None:
    """Leave out the one header that django-structlog would write."""
    log_kwargs.pop("user_agent", None)


class StudioErrorMiddleware:
    """Answers a StudioError or an outage that a view let through."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, StudioError):
            return error_page(request, exception.code, exception.message, **exception.details)
        return outage_page(request, exception)


class RefusedBodyMiddleware:
    """Answers a request whose body the server did not take (`cinevivid/bodies.py`)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        refused = getattr(request, "refused", None)
        if refused is None:
            return self.get_response(request)
        if not isinstance(refused, StudioError):
            raise refused
        response = error_page(request, refused.code, refused.message, **refused.details)
        if refused.status == 401:
            response.headers["WWW-Authenticate"] = CHALLENGE
        return response


class MaintenanceMiddleware:
    """With MAINTENANCE_MODE, staff work on and everybody else is told to come back."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.MAINTENANCE_MODE and not request.path.startswith(OPEN_DURING_MAINTENANCE):
            user = getattr(request, "user", None)
            if not (user and user.is_staff):
                return error_page(request, "maintenance")
        return self.get_response(request)
