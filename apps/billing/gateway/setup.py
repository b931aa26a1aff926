"""What `stripe_setup` makes in a Stripe account."""

from typing import Any

from django.conf import settings

from apps.billing.gateway.client import API_VERSION, PAGE, asking, id_of, v1
from apps.billing.gateway.customers import our_portal
from apps.billing.gateway.refusals import Unknown
from apps.billing.gateway.values import Setup
from apps.billing.gateway.webhooks import EVENTS


def set_up(goods: list[dict[str, Any]], webhook_url: str) -> Setup:
    """Make products, prices, the portal's settings and the webhook endpoint; what is there already stays.

    Each of the goods has `key`, `title`, `amount`, `currency` and `monthly`.
    """
    made = Setup()
    with asking():
        for each in goods:
            _set_up_price(each, made)
        _set_up_portal(made)
        _set_up_webhook(webhook_url, made)
    return made


def _set_up_price(good: dict[str, Any], made: Setup) -> None:
    about = {"site": settings.SITE_URL}
    try:
        with asking():
            product = v1().products.retrieve(good["key"])
        if product.name != good["title"] or not product.active:
            v1().products.update(good["key"], {"name": good["title"], "active": True})
            made.done.append(f"Changed the product {good['key']}.")
    except Unknown:
        v1().products.create({"id": good["key"], "name": good["title"], "metadata": about})
        made.done.append(f"Made the product {good['key']}.")
    tax = settings.STRIPE_TAX or "unspecified"
    wanted = (good["amount"], good["currency"], "month" if good["monthly"] else "", tax)
    for price in v1().prices.list({"lookup_keys": [good["key"]], "active": True}).data:
        cycle = price.recurring.interval if price.recurring else ""
        same_tax = tax if tax == "unspecified" else price.tax_behavior
        if wanted == (price.unit_amount, price.currency, cycle, same_tax) and id_of(price.product) == good["key"]:
            return
    params: dict[str, Any] = {
        "product": good["key"],
        "unit_amount": good["amount"],
        "currency": good["currency"],
        "lookup_key": good["key"],
        "transfer_lookup_key": True,
        "metadata": about,
    }
    params |= {"recurring": {"interval": "month"}} if good["monthly"] else {}
    params |= {"tax_behavior": tax} if tax != "unspecified" else {}
    v1().prices.create(params)
    made.done.append(f"Made the price {good['key']}: {good['amount']} {good['currency']}.")


def _set_up_portal(made: Setup) -> None:
    features = {
        "customer_update": {"enabled": True, "allowed_updates": ["address", "email", "name", "tax_id"]},
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True},
        "subscription_cancel": {"enabled": True, "mode": "at_period_end", "proration_behavior": "none"},
        # Plans are changed on the site, which knows what an upgrade gives.
        "subscription_update": {"enabled": False},
    }
    if ours := our_portal():
        v1().billing_portal.configurations.update(ours.id, {"features": features})
        return
    v1().billing_portal.configurations.create({"features": features, "metadata": {"site": settings.SITE_URL}})
    made.done.append("Made the settings of the customer portal.")


def _set_up_webhook(url: str, made: Setup) -> None:
    for endpoint in v1().webhook_endpoints.list({"limit": PAGE}).auto_paging_iter():
        if endpoint.url != url:
            continue
        if endpoint.api_version == API_VERSION:
            if set(endpoint.enabled_events) != set(EVENTS) or endpoint.status != "enabled":
                v1().webhook_endpoints.update(endpoint.id, {"enabled_events": list(EVENTS), "disabled": False})
                made.done.append("Changed the events of the webhook endpoint.")
            return
        v1().webhook_endpoints.delete(endpoint.id)
        made.done.append("Removed a webhook endpoint of another version of the API.")
    new = v1().webhook_endpoints.create(
        {
            "url": url,
            "enabled_events": list(EVENTS),
            "api_version": API_VERSION,
            "metadata": {"site": settings.SITE_URL},
        }
    )
    made.done.append(f"Made the webhook endpoint {url}.")
    made.secret = new.secret or ""
