"""Whose pages may open a websocket: cookies come with any page's attempt, so its origin decides."""

from io import BytesIO
from typing import Any

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest


class SameOrigin:
    """Lets pages of this site in, by scheme, host and port, as Django's CSRF check does for forms; others get 403."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        application = self.application if is_ours(scope) else WebsocketDenier.as_asgi()
        return await application(scope, receive, send)


def is_ours(scope: dict[str, Any]) -> bool:
    """Whether a handshake comes from the address it was sent to, SITE_URL or CSRF_TRUSTED_ORIGINS."""
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    request = ASGIRequest({**scope, "type": "http", "method": "GET", "scheme": scheme}, BytesIO())
    origin = request.headers.get("Origin", "")
    try:
        here = f"{request.scheme}://{request.get_host()}"
    except DisallowedHost:
        return False
    return bool(origin) and origin in (here, settings.SITE_URL, *settings.CSRF_TRUSTED_ORIGINS)
