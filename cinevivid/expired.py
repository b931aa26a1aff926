"""The page of a form that has expired: what was typed is there, and is sent again with one press."""

from urllib.parse import urlsplit

from django.http import HttpRequest

from apps.tools.registry import CSRF_FIELD

MAX_VALUE = 20_000  # characters of a field that are worth to be carried over
SECRET = "password"  # in the names of fields that are typed again instead


def from_this_site(request: HttpRequest) -> bool:
    """Whether the browser says that a page of this site has sent the form.

    Otherwise what it holds is somebody else's, and must not be offered with a token that works.
    """
    here = f"{request.scheme}://{request.get_host()}"
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return False
    origin, referer = request.headers.get("Origin"), request.headers.get("Referer", "")
    if origin is not None:
        return origin == here
    parts = urlsplit(referer)
    return f"{parts.scheme}://{parts.netloc}" == here


def typed(request: HttpRequest) -> dict[str, object]:
    """Return what the page shows of a form that was posted: `hidden` values, `shown` ones, `secrets`, and `files`."""
    fields = [(name, value) for name in request.POST if name != CSRF_FIELD for value in request.POST.getlist(name)]
    kept = [(name, value) for name, value in fields if SECRET not in name and len(value) <= MAX_VALUE]
    return {
        "hidden": kept,
        "shown": [(name.replace("_", " ").capitalize(), value) for name, value in kept if _by_hand(name, value)],
        "secrets": [name for name in dict.fromkeys(name for name, _ in fields) if SECRET in name],
        "files": list(request.FILES),
        "action": request.get_full_path(),
    }


def _by_hand(name: str, value: str) -> bool:
    """Whether a value looks like something that somebody has typed, and would miss."""
    return bool(value.strip()) and (" " in value.strip() or name in ("prompt", "email", "login", "name"))
