"""Log lines without secrets: their values, and addresses that are keys, are hidden."""

import re
from collections.abc import ItemsView, Iterable, Mapping
from types import FrameType
from typing import Any
from urllib.parse import quote

import structlog
from django.http import HttpRequest
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter
from structlog.typing import EventDict, Processor

HIDDEN = "***"
NAMES = (
    r"[\w-]*(?:passw(?:or)?d|passphrase|secret|token|authorization|cookie|session_?(?:id|key)|api[_-]?key|credential"
    r"|signature)[\w-]*"
)
SECRET_NAME = re.compile(NAMES, re.I)
SHAPES = [
    # Addresses that are keys, whatever stands around them.
    (re.compile(r"(/accounts/(?:link|confirm-email|password/reset/key)/)[^\s\"'<>?]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(HTTP_HOST header: ['\"])[^\r\n]*@"), rf"\1{HIDDEN}@"),
    # The user and password of an address, up to the last @ of its host part.
    (re.compile(r"([a-z][\w+.-]*://)[^\s/\"'<>]+@", re.I), rf"\1{HIDDEN}@"),
    (re.compile(r"\b(cv|hf)_[\w-]{16,}"), rf"\1_{HIDDEN}"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{6,}", re.I), rf"\1 {HIDDEN}"),
    # name=value of a query or a form, "name": "value" of JSON or a dict, and Name: value of a header.
    (re.compile(rf"([?&;\s]{NAMES}=)[^\s&;\"'(),\[\]{{}}]{{3,}}", re.I), rf"\1{HIDDEN}"),
    (re.compile(rf"([\"']{NAMES}[\"']\s*:\s*[\[(]?\s*)(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')", re.I), rf"\1{HIDDEN}"),
    (
        re.compile(r"\b((?:Proxy-)?Authorization|(?:Set-)?Cookie|X-CSRFToken|X-Api-Key|Xi-Api-Key):[^\r\n]+", re.I),
        rf"\1: {HIDDEN}",
    ),
]


def hide_secrets(known: Iterable[str]) -> Processor:
    """Return a processor that hides what is named or shaped like a secret, and the `known` ones wherever they stand."""
    values = {form for value in known if len(value) >= 6 for form in (value, quote(value, safe=""))}
    literal = re.compile("|".join(map(re.escape, sorted(values, key=len, reverse=True)))) if values else None

    def hide(value: Any) -> Any:
        if value is None or isinstance(value, int | float):
            return value
        if isinstance(value, Mapping):
            return {name: HIDDEN if _is_secret(name, each) else hide(each) for name, each in value.items()}
        if isinstance(value, list | tuple | set):
            return [hide(each) for each in value]
        text = value if isinstance(value, str) else str(value)
        text = literal.sub(HIDDEN, text) if literal else text
        for shape, replacement in SHAPES:
            text = shape.sub(replacement, text)
        return text

    def processor(logger: Any, method: str, event: EventDict) -> EventDict:
        hidden: EventDict = hide(event)
        return hidden

    return processor


def _is_secret(name: Any, value: Any) -> bool:
    """Whether a value is hidden for its name; a number of tokens is not one of them."""
    return bool(SECRET_NAME.search(str(name))) and not isinstance(value, int | None)


def route_of(request: HttpRequest) -> str:
    """Return how a log line names an address: paths hold one-time keys, and queries hold prompts."""
    match = getattr(request, "resolver_match", None)
    return f"/{match.route}" if match else "(no route)"


def routes_for_paths(logger: Any, method: str, event: EventDict) -> EventDict:
    """Name the route, not the path, in the lines that Django itself writes about a request."""
    request = getattr(event.get("_record"), "request", None)
    path = getattr(request, "path", "")
    if request is not None and len(path) > 1:
        for written in (path, path.encode("unicode_escape").decode("ascii")):
            event["event"] = str(event["event"]).replace(written, route_of(request))
    return event


def refusals_in_one_line(logger: Any, method: str, event: EventDict) -> EventDict:
    """Tell what Django refuses of a request without a traceback: nothing is broken, and anybody can send it."""
    if str(event.get("logger")).startswith("django.security."):
        event.pop("exc_info", None)
    return event


def formatter(*, as_json: bool, known: Iterable[str]) -> structlog.stdlib.ProcessorFormatter:
    """Return the formatter of every line. Tracebacks are plain: pretty ones print local variables, and take 2 s."""
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            routes_for_paths,
            refusals_in_one_line,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            hide_secrets(known),
            renderer,
        ],
    )


class Reporter(ExceptionReporter):
    """Reports of errors, for pages with DEBUG and mails to administrators: the traceback, and no values."""

    def __init__(self, request: HttpRequest | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, *args, **kwargs)
        self.filter = NoValues()


class NoValues(SafeExceptionReporterFilter):
    """Shows neither settings nor local variables."""

    def get_safe_settings(self) -> dict[str, Any]:
        return {}

    def get_traceback_frame_variables(self, request: Any, tb_frame: FrameType) -> ItemsView[str, Any]:
        return {}.items()
