"""The ASGI application: pages over HTTP, live cards over a websocket."""

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cinevivid.settings")
django.setup(set_prefix=False)

import structlog  # noqa: E402
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path  # noqa: E402

from cinevivid.bodies import Handler  # noqa: E402
from cinevivid.consumers import StudioConsumer  # noqa: E402
from cinevivid.leaving import EndsWithItsClient  # noqa: E402
from cinevivid.origin import SameOrigin  # noqa: E402

if "daphne.cli" in sys.modules:
    text = "The command `daphne` reads every body into memory before the site sees it: use `manage.py serve`."
    structlog.get_logger(__name__).warning("bodies_unguarded", advice=text)

application = ProtocolTypeRouter(
    {
        "http": EndsWithItsClient(Handler()),
        "websocket": SameOrigin(AuthMiddlewareStack(URLRouter([path("ws/", StudioConsumer.as_asgi())]))),
    }
)
