"""Every API error in one shape: problem details with a stable code."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.throttling import AnonRateThrottle
from rest_framework.views import set_rollback

from apps import outages
from apps.errors import StudioError, problem

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = {outages.AWAY: 10, outages.FULL: 60, "maintenance": 300}  # seconds
CODES: dict[type[Exception], str] = {
    exceptions.ParseError: "invalid_request",
    exceptions.AuthenticationFailed: "invalid_token",
    exceptions.NotAuthenticated: "authentication_required",
    exceptions.PermissionDenied: "permission_denied",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.Throttled: "rate_limited",
    Http404: "not_found",
    PermissionDenied: "permission_denied",
}

# The code for an error that has an HTTP status and no code. Where rows share a status, this one claims the least.
BY_STATUS: dict[int, str] = {
    400: "invalid_request",
    401: "authentication_required",
    402: "insufficient_credits",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    409: "wrong_state",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "validation_failed",
    429: "rate_limited",
    500: "internal_error",
    502: "external_service",
    503: "unavailable",
    504: "external_service",
    507: "storage_failed",
}


class Refused(exceptions.ValidationError):
    """Values that are wrong, with `more` that a program needs to know to mend them, as keys of the problem."""

    def __init__(self, detail: Any, more: Mapping[str, Any]) -> None:
        super().__init__(detail)
        self.more = dict(more)


def for_status(status: int) -> str:
    """Return the code for an HTTP error that has none of ours."""
    return BY_STATUS.get(status, "invalid_request" if status < 500 else "internal_error")


def of_api(path: str) -> bool:
    """Whether a path is one of the API, whose refusals are problems and never pages."""
    return path == "/api" or path.startswith("/api/")


def retry_after(body: dict[str, Any]) -> dict[str, str]:
    """Return the header Retry-After of a problem; empty for one that waiting does not help."""
    seconds = body.get("retry_after") or RETRY_AFTER.get(body["code"])
    return {"Retry-After": str(seconds)} if seconds else {}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception of an API view into a problem response; None, which makes a 500, for an unexpected one."""
    headers: dict[str, str] = {}
    if isinstance(error, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
        error = _counted(error, context)
    if isinstance(error, StudioError):
        body = problem(error.code, error.message, **error.details)
    elif isinstance(error, exceptions.ValidationError):
        body = problem("validation_failed", errors=_by_field(error.detail), **getattr(error, "more", {}))
    elif type(error) in CODES or isinstance(error, exceptions.APIException):
        code = CODES.get(type(error)) or for_status(getattr(error, "status_code", 500))
        if str(getattr(error, "detail", "")).startswith("CSRF Failed"):
            code = "csrf_failed"
        detail = getattr(error, "detail", "") if code not in ("not_found", "authentication_required") else ""
        body = problem(code, str(detail))
        if wait := getattr(error, "wait", None):
            body["retry_after"] = int(wait) + 1
        if header := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = header
    elif code := outages.code_of(error):
        outages.tell(error, "api")
        body = problem(code)
    else:
        return None
    set_rollback()
    headers |= retry_after(body)
    return Response(body, status=body["status"], headers=headers, content_type=MEDIA_TYPE)


def _counted(error: exceptions.APIException, context: dict[str, Any]) -> exceptions.APIException:
    """Count a caller who is not known by their address. Returns Throttled instead of the error beyond the rate.

    Views count callers only once they know who asks.
    """
    request = context.get("request")
    throttle = AnonRateThrottle()
    if request is None or throttle.allow_request(request, context.get("view")):  # type: ignore[arg-type]
        return error
    return exceptions.Throttled(throttle.wait())


def _by_field(detail: Any) -> dict[str, list[str]]:
    if not isinstance(detail, dict):
        return {"non_field_errors": [str(item) for item in detail]}
    return {
        name: [str(item) for item in (found if isinstance(found, list) else [found])] for name, found in detail.items()
    }


class ProblemSerializer(serializers.Serializer[Any]):
    """The one shape of an error."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField(help_text="Stable: meant for programs.")
    advice = serializers.CharField()
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="By field, when some are wrong.",
    )
    faces = serializers.ListField(
        child=serializers.DictField(child=serializers.FloatField()),
        required=False,
        help_text="The middles of the faces to choose from, `x` and `y` as parts of the frame, from left to right.",
    )
