"""Errors of the catalogue become answers; a closed studio says so."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

from apps.errors import StudioError
from cinevivid.views import error_page, healthz, readyz

GetResponse = Callable[[HttpRequest], HttpResponse]
OPEN_DURING_MAINTENANCE = ("/admin/", "/static/", "/accounts/login")
PROBES = {"/healthz": healthz, "/readyz": readyz}


class ProbeMiddleware:
    """Answers probes before anything asks for TLS or a known host: they come straight to this process."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return PROBES.get(request.path, self.get_response)(request)


class RequestLogMiddleware(RequestMiddleware):
    """Logs requests by route: addresses carry prompts in their queries and one-time keys in their paths."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        match = request.resolver_match
        return f"{request.method} /{match.route}" if match else f"{request.method} (no route)"


class StudioErrorMiddleware:
    """Answers a StudioError that a view let through."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, StudioError):
            return error_page(request, exception.code, exception.message, **exception.details)
        return None


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
            response.headers["WWW-Authenticate"] = 'Bearer realm="CineVivid"'
        return response


class MaintenanceMiddleware:
    """With MAINTENANCE_MODE, staff work on and everybody else is told to come back."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.MAINTENANCE_MODE and not request.path.startswith(OPEN_DURING_MAINTENANCE):
            user = getattr(request, "user", None)
            if not (user and user.is_staff):
                response = error_page(request, "maintenance")
                response.headers["Retry-After"] = "300"
                return response
        return self.get_response(request)
