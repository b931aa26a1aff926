"""How the API chooses the format of an answer.

Apart from the errors, which import the views that this is loaded for.
"""

from typing import Any

from django.http import Http404
from rest_framework import exceptions
from rest_framework.negotiation import DefaultContentNegotiation


class Negotiation(DefaultContentNegotiation):
    """Refuses an unknown `?format=` with 406, like an unknown Accept header."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:
        try:
            return super().filter_renderers(renderers, format)
        except Http404:
            raise exceptions.NotAcceptable(available_renderers=renderers) from None
