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
    """What state a model is in."""
    part = f" at {now.percent:.0f} %" if now.state == "interrupted" and now.total else ""
    return STATES[now.state] + part


@register.filter
def advice(code: str) -> str:
    """What to do about an error."""
    return str(CATALOGUE[code].advice) if code in CATALOGUE else ""


@register.filter
def gigabytes(number: float) -> str:
    """A number of bytes as one says it."""
    return folder.size_words(number)


@register.filter
def progress_words(now: store.Status) -> str:
    """How far it is: "37.2 %, 5.5 GB of 14.7 GB, 112.0 MB/s, 1 min 22 s left"."""
    parts = [f"{now.percent:.1f} %", f"{folder.size_words(now.done)} of {folder.size_words(now.total)}"]
    if now.rate:
        parts.append(f"{now.rate / 1e6:.1f} MB/s")
    if now.seconds_left is not None:
        parts.append(f"{folder.time_words(now.seconds_left)} left")
    return ", ".join(parts)


@register.filter
def moment(seconds: float) -> datetime:
    """A time in seconds since 1970, as templates know times."""
    return datetime.fromtimestamp(seconds, UTC)


@register.filter
def as_id(model_id: str) -> str:
    """The id as a CSS selector can name it."""
    return model_id.replace(".", "-")
