"""What can go wrong between this studio and Stripe."""

from apps.errors import StudioError


class PaymentsAway(StudioError):
    """Stripe does not answer, or not as it should."""

    code = "payments_away"


class PaymentRefused(StudioError):
    """Stripe cannot do what was asked for, such as charging in another currency than the customer's."""

    code = "payment_refused"


class CardRefused(StudioError):
    """The bank has refused the card."""

    code = "card_refused"


class CardNeedsAction(StudioError):
    """The bank wants the owner of the card to confirm the payment."""

    code = "card_needs_action"


class Unknown(StudioError):
    """Stripe knows no object with this id."""

    code = "not_found"


class Paid(StudioError):
    """An invoice was paid before it could be taken back."""

    code = "plan_changed"


class BadSignature(Exception):
    """A webhook that Stripe has not signed, or long ago."""
