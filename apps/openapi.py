"""The API's description (OpenAPI): the refusals of each operation, derived from its view."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from apps.errors import CATALOGUE, problem
from apps.given import StrictSerializer
from apps.problems import MEDIA_TYPE, ProblemSerializer

SAFE = ("GET", "HEAD", "OPTIONS")
ALWAYS = {
    *("invalid_request", "authentication_required", "invalid_token", "not_acceptable", "rate_limited"),
    *("maintenance", "unavailable"),
}
OF_ONE = {"not_found"}
OF_A_CHANGE = {"csrf_failed"}  # a session without its CSRF token
OF_A_BODY = {"body_too_large", "unsupported_media_type", "validation_failed"}
OF_FILES = {"storage_failed", "storage_full", "studio_busy"}  # nowhere to put them, or too many at once


class StudioSchema(AutoSchema):
    """Adds the refusals to the answers that views name, and says that a body takes no other fields."""

    def refusals(self) -> set[str]:
        """Return the code of every refusal of this operation."""
        found, changes, one = set(ALWAYS), self.method not in SAFE, "{" in self.path
        if one:
            found |= OF_ONE
        if changes:
            found |= OF_A_CHANGE
        if changes and one:
            found |= {self.wrong_state()}
        if changes and self.get_request_serializer() is not None and self.method != "DELETE":
            found |= OF_A_BODY
            if "multipart/form-data" in self.map_parsers():
                found |= OF_FILES
        given = self.get_override_parameters()
        named = any(isinstance(each, OpenApiParameter) and each.location == "query" for each in given)
        if named or self._get_filter_parameters() or self._get_pagination_parameters():  # type: ignore[no-untyped-call]
            found |= {"validation_failed"}
        return found

    def wrong_state(self) -> str:
        """Return the code for something that is in another state than this operation needs."""
        return str(getattr(self.view, "wrong_state", "wrong_state"))

    def get_summary(self) -> str | None:
        """Return the summary of the view, or the one that it gives to each of its actions by name."""
        return super().get_summary() or getattr(self.view, "summaries", {}).get(getattr(self.view, "action", ""))

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        found: dict[str, Any] = super()._get_response_bodies(direction)
        if direction != "response":
            return found
        refusals = sorted(CATALOGUE[code].status for code in self.refusals())
        for status in dict.fromkeys(refusals):
            refusal = OpenApiResponse(ProblemSerializer, description=HTTPStatus(status).phrase)
            told = self._get_response_for_code(refusal, str(status), [MEDIA_TYPE])  # type: ignore[no-untyped-call]
            codes = sorted(code for code in self.refusals() if CATALOGUE[code].status == status)
            told["content"][MEDIA_TYPE]["examples"] = {
                code: {"$ref": f"#/components/examples/{code}"} for code in codes
            }
            found.setdefault(str(status), told)
        return found

    def _get_serializer_field_meta(self, field: Any, direction: Any) -> dict[str, Any]:
        """Add the value that a field of a form has when it is left out."""
        meta: dict[str, Any] = super()._get_serializer_field_meta(field, direction)  # type: ignore[no-untyped-call]
        initial = getattr(field, "_kwargs", {}).get("initial")
        return meta if initial is None else {"default": initial} | meta

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        return schema | {"additionalProperties": False} if isinstance(serializer, StrictSerializer) else schema


def add_problems(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add every refusal, as it looks, to the components that the answers of the document refer to."""
    result["components"]["examples"] = {
        code: {"summary": str(entry.title), "value": problem(code)} for code, entry in CATALOGUE.items()
    }
    return result
