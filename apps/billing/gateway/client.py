"""The connection to Stripe: the only module that imports its SDK, and that knows its errors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import stripe
import structlog
from django.conf import settings
from django.utils.translation import gettext as _

from apps.billing.gateway.refusals import CardNeedsAction, CardRefused, PaymentRefused, PaymentsAway, Unknown
from apps.errors import StudioError

log = structlog.get_logger(__name__)
API_VERSION = stripe.api_version  # that of the SDK; webhooks are told in it as well
TIMEOUT_SECONDS = 15.0
RETRIES = 2  # after an answer that does not come, or is a fault of Stripe; with the same idempotency key
PAGE = 100
ACTION = (
    "authentication_required",
    "subscription_payment_intent_requires_action",
    "invoice_payment_intent_requires_action",
)


@lru_cache(maxsize=4)
def _client(key: str, base: str, retries: int) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": base},
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
    )


def v1() -> Any:
    return _client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API, RETRIES).v1


@contextmanager
def asking() -> Iterator[None]:
    """Turn Stripe's errors into ours."""
    try:
        yield
    except stripe.CardError as error:
        log.info("card_refused", code=error.code, decline=getattr(error.error, "decline_code", None))
        if error.code in ACTION:
            raise CardNeedsAction() from error
        raise CardRefused(error.user_message or "") from error
    except stripe.IdempotencyError as error:
        raise StudioError(code="plan_changing") from error
    except stripe.InvalidRequestError as error:
        if error.code in ACTION:
            raise CardNeedsAction() from error
        if error.code == "resource_missing":
            raise Unknown() from error
        if error.http_status == 409 or error.code in ("idempotency_key_in_use", "lock_timeout"):
            raise StudioError(code="plan_changing") from error
        log.warning("stripe_refused", code=error.code, param=error.param, reason=str(error.user_message))
        raise PaymentRefused(_currency(error)) from error
    except stripe.StripeError as error:
        told = log.error if isinstance(error, stripe.AuthenticationError | stripe.PermissionError) else log.warning
        told("stripe_away", kind=type(error).__name__, status=error.http_status)
        raise PaymentsAway() from error


def _currency(error: stripe.InvalidRequestError) -> str:
    """Return the sentence for a price that lacks the customer's currency; empty for any other refusal."""
    words = str(error.user_message or "").casefold()
    if error.param == "currency" or "currency" in words or "currencies" in words:
        return _("This has no price in the currency that your earlier payments were made in.")
    return ""


def every(ask: Callable[[], Any], read: Callable[[Any], Any]) -> Iterator[Any]:
    with asking():
        for each in ask().auto_paging_iter():
            yield read(each)


def id_of(value: Any) -> str:
    """Return the id of an object that may be expanded; empty for none."""
    return str(getattr(value, "id", value) or "")


def time_of(value: int | None) -> datetime | None:
    return datetime.fromtimestamp(value, UTC) if value else None


def options(key: str) -> dict[str, str]:
    return {"idempotency_key": key} if key else {}


def opened(body: bytes, signature: str, secret: str) -> Any:
    """Return the event that a webhook tells; None where this secret has not signed it."""
    try:
        return stripe.Webhook.construct_event(body, signature, secret, api_key=settings.STRIPE_SECRET_KEY)
    except (stripe.SignatureVerificationError, ValueError):
        return None
