"""A stand-in for Stripe that keeps its state, on a local address.

What it takes and gives is checked against the types of the pinned SDK.
"""

from tests.stripe_standin.server import Standin

__all__ = ["Standin"]
