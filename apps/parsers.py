"""How the bodies of requests are read: what cannot be used is refused, not left out."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import IO, Any

from django.http import multipartparser
from django.http.multipartparser import MultiPartParserError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser

MAX_DEPTH = 20  # of JSON; no request needs more than three
TOO_DEEP = "JSON parse error - It is nested too deeply."
LOST = "\N{REPLACEMENT CHARACTER}"  # what bytes that are no UTF-8 are read as


class StrictJSONParser(JSONParser):
    """JSON that can also be stored and answered.

    Half a character, such as "\\ud800", is no text that the database or an answer can hold, so it is refused here.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[Any, Any]:
        try:
            text = stream.read().decode((parser_context or {}).get("encoding") or "utf-8")
            data: dict[Any, Any] = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
        except (ValueError, LookupError) as error:
            raise ParseError(f"JSON parse error - {error}") from error
        except RecursionError as error:
            raise ParseError(TOO_DEEP) from error
        _refuse(data)
        return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{twice[:60]!r} stands in it twice.")
    return found


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number.")


def _refuse(value: Any, depth: int = 0) -> None:
    """Raise ParseError where a JSON value is too deep, or a text of it, or the name of one, cannot be encoded."""
    if depth > MAX_DEPTH:
        raise ParseError(TOO_DEEP)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ParseError("JSON parse error - A text has half a character: a surrogate without its pair.") from error
    elif isinstance(value, dict):
        for name, each in value.items():
            _refuse(name, depth + 1)
            _refuse(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            _refuse(each, depth + 1)


class StrictFormParser(FormParser):
    """Fields of a form, in UTF-8."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        return _in_utf8(super().parse(*args, **kwargs))


class StrictMultiPartParser(MultiPartParser):
    """Fields and files of a form, in UTF-8."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        found = super().parse(*args, **kwargs)
        _in_utf8(found.data)
        return found


def _in_utf8(fields: Any) -> Any:
    for name, values in fields.lists():
        if LOST in name or any(LOST in value for value in values):
            raise ParseError(f"Form parse error - {name[:60]!r} is not written in UTF-8.")
    return fields


# Django leaves out a part of a multipart form whose headers it cannot read: a film would be made without its picture.
_read_part = multipartparser.parse_boundary_stream  # type: ignore[attr-defined]
_plain_name = multipartparser.MultiPartParser.sanitize_file_name


def read_part(stream: Any, max_header_size: int) -> tuple[str, dict[str, Any], Any]:
    """Read the headers of a part: in UTF-8, or else in what Windows writes.

    Raises MultiPartParserError for a part without a name that can be read.
    """
    head = stream.read(max_header_size)
    header, end, body = head.partition(b"\r\n\r\n")
    try:
        header.decode()
    except UnicodeDecodeError:
        header = header.decode("cp1252", "replace").encode()
    stream.unget(header + end + body)
    kind, about, rest = _read_part(stream, max_header_size)
    if end or header.strip() not in (b"", b"--"):  # before the first part there is nothing, and after the last "--"
        if header.startswith(b"--"):
            return kind, about, rest
        if kind == multipartparser.RAW or "name" not in about["content-disposition"][1]:
            raise MultiPartParserError("A part of the form has no name that can be read.")
    return kind, about, rest


def plain_name(parser: multipartparser.MultiPartParser, file_name: str) -> str:
    """Return the name of a file without its folders; of a file whose name is nothing else, a name of ours."""
    return _plain_name(parser, file_name) or "unnamed"


def install() -> None:
    """Make Django use `read_part` and `plain_name` for every form, those of pages too."""
    multipartparser.parse_boundary_stream = read_part  # type: ignore[attr-defined]
    multipartparser.MultiPartParser.sanitize_file_name = plain_name  # type: ignore[method-assign, assignment]
