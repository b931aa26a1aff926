"""A stand-in for Stripe that keeps its state, on a local address. What it takes and gives is what the pinned SDK knows."""

from tests.stripe_standin.server import Standin

__all__ = ["Standin"]
