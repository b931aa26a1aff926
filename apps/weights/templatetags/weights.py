"""Words for the models page."""

from datetime import UTC, datetime

from django import template

from apps.errors import CATALOGUE
from workers.weights import folder, store

register = template.Library()
STATES = {
    "unreleased": "Not released",
    "absent": "Not here",
    "queued": "Waiting for a worker",
    "downloading": "Downloading",
    "checking": "Checking",
    "interrupted": "Interrupted",
    "broken": "Damaged",
    "ready": "Ready",
}


@register.filter
def state_words(now: store.Status) -> str:
    part = f" at {now.percent:.0f} %" if now.state == "interrupted" and now.total else ""
    return STATES[now.state] + part


@register.filter
def advice(code: str) -> str:
    """What to do about an error."""
    return CATALOGUE[code].advice if code in CATALOGUE else ""


@register.filter
def gigabytes(number: float) -> str:
    return folder.size_words(number)


@register.filter
def megabytes(number: float) -> str:
    return f"{number / 1e6:.1f} MB"


@register.filter
def time_left(seconds: float) -> str:
    return folder.time_words(seconds)


@register.filter
def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@register.filter
def as_id(model_id: str) -> str:
    """The id as a CSS selector can name it."""
    return model_id.replace(".", "-")
