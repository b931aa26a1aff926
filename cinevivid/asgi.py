"""The ASGI application: pages over HTTP, live cards over a websocket."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cinevivid.settings")
http = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path  # noqa: E402

from cinevivid import pacing  # noqa: E402
from cinevivid.consumers import StudioConsumer  # noqa: E402
from cinevivid.leaving import EndsWithItsClient  # noqa: E402
from cinevivid.origin import SameOrigin  # noqa: E402

pacing.install()
application = ProtocolTypeRouter(
    {
        "http": EndsWithItsClient(http),
        "websocket": SameOrigin(AuthMiddlewareStack(URLRouter([path("ws/", StudioConsumer.as_asgi())]))),
    }
)
