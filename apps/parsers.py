"""How the API reads the bodies of requests."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class StrictJSONParser(JSONParser):
    """JSON that can also be stored and answered.

    Half a character, such as "\\ud800", is no text that the database or an answer can hold, so it is refused here.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[Any, Any]:
        try:
            data: dict[Any, Any] = super().parse(stream, media_type, parser_context)
            _refuse_half_characters(data)
        except RecursionError as error:
            raise ParseError("JSON parse error - It is nested too deeply.") from error
        return data


def _refuse_half_characters(value: Any) -> None:
    """Raise ParseError where a text of a JSON value, or the name of one, cannot be encoded."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ParseError("JSON parse error - A text has half a character: a surrogate without its pair.") from error
    elif isinstance(value, dict):
        for name, each in value.items():
            _refuse_half_characters(name)
            _refuse_half_characters(each)
    elif isinstance(value, list):
        for each in value:
            _refuse_half_characters(each)
