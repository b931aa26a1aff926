"""The API's description (OpenAPI): the refusals of each operation, derived from its view."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse

from apps.given import StrictSerializer
from apps.problems import MEDIA_TYPE, ProblemSerializer

SAFE = ("GET", "HEAD", "OPTIONS")
ALWAYS = {400, 401, 406, 429, 503}  # cannot be read, who is it, no such format, too often, closed or something is away
OF_A_CHANGE = {403}  # a session without its CSRF token
OF_A_BODY = {413, 415, 422}
OF_FILES = {507}  # nowhere to put them


class StudioSchema(AutoSchema):
    """Adds the refusals to the answers that views name, and says that a body takes no other fields."""

    def refusals(self) -> set[int]:
        """Return every HTTP status with which this operation can refuse."""
        found, changes, one = set(ALWAYS), self.method not in SAFE, "{" in self.path
        if one:
            found |= {404}
        if changes:
            found |= OF_A_CHANGE
        if changes and one:
            found |= {409}  # what it names is in another state
        if changes and self.get_request_serializer() is not None and self.method != "DELETE":
            found |= OF_A_BODY
            if "multipart/form-data" in self.map_parsers():
                found |= OF_FILES
        if self._get_filter_parameters() or self._get_pagination_parameters():  # type: ignore[no-untyped-call]
            found |= {422}
        return found

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        found: dict[str, Any] = super()._get_response_bodies(direction)
        if direction != "response":
            return found
        for status in sorted(self.refusals()):
            refusal = OpenApiResponse(ProblemSerializer, description=HTTPStatus(status).phrase)
            told = self._get_response_for_code(refusal, str(status), [MEDIA_TYPE])  # type: ignore[no-untyped-call]
            found.setdefault(str(status), told)
        return found

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        return schema | {"additionalProperties": False} if isinstance(serializer, StrictSerializer) else schema
