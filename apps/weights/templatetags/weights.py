"""Words for the models page."""

from datetime import UTC, datetime

from django import template
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.errors import CATALOGUE
from workers.weights import folder, store

register = template.Library()
STATES = {
    "unreleased": _("Not released"),
    "absent": _("Not installed"),
    "queued": _("Waiting for a worker"),
    "downloading": _("Downloading"),
    "checking": _("Checking"),
    "interrupted": _("Interrupted"),
    "broken": _("Damaged"),
    "ready": _("Ready"),
}


@register.filter
def state_words(now: store.Status) -> str:
    """What state a model is in."""
    if now.state == "interrupted" and now.total:
        return gettext("Interrupted at %(percent).0f %%") % {"percent": now.percent}
    return str(STATES[now.state])


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
    sizes = {"done": folder.size_words(now.done), "total": folder.size_words(now.total)}
    parts = [f"{now.percent:.1f} %", gettext("%(done)s of %(total)s") % sizes]
    if now.rate:
        parts.append(f"{now.rate / 1e6:.1f} MB/s")
    if now.seconds_left is not None:
        parts.append(gettext("%(time)s left") % {"time": folder.time_words(now.seconds_left)})
    return ", ".join(parts)


@register.filter
def moment(seconds: float) -> datetime:
    """A time in seconds since 1970, as templates know times."""
    return datetime.fromtimestamp(seconds, UTC)


@register.filter
def as_id(model_id: str) -> str:
    """The id as a CSS selector can name it."""
    return model_id.replace(".", "-")
