"""The ASGI application: pages over HTTP, live cards over a websocket."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cinevivid.settings")
django.setup(set_prefix=False)

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.urls import path  # noqa: E402

from cinevivid.bodies import Handler  # noqa: E402
from cinevivid.consumers import StudioConsumer  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": Handler(),
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter([path("ws/", StudioConsumer.as_asgi())]))
        ),
    }
)
