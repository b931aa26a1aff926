"""Mail about money: receipts, failed payments, plans that end, disputes. Each is sent once."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts import outbox
from apps.accounts.models import User
from apps.billing.models import Letter, Payment, Plan, Subscription
from apps.billing.templatetags.money import money

if TYPE_CHECKING:
    from apps.billing.gateway import Invoice


def receipt(payment: Payment) -> None:
    """Thank for a payment, with its credits and its invoice."""
    paid = money(payment.amount, payment.currency)
    subject = _("Your receipt: %(amount)s for %(title)s") % {"amount": paid, "title": payment.title}
    _send(f"receipt:{payment.reference}", payment.user, subject, "receipt", payment=payment, paid=paid)


def payment_failed(user: User, invoice: "Invoice") -> None:
    """Tell that an invoice could not be paid, and what to do; once for each attempt."""
    due = money(invoice.amount_due, invoice.currency)
    subject = _("Your payment of %(amount)s did not go through") % {"amount": due}
    key = f"failed:{invoice.id}:{invoice.attempts}"
    _send(key, user, subject, "payment_failed", invoice=invoice, due=due, grace_days=settings.GRACE_DAYS)


def plan_ends(subscription: Subscription) -> None:
    """Tell when a cancelled plan ends; once for each end."""
    ends = subscription.current_period_end
    subject = _("Your plan %(plan)s ends") % {"plan": subscription.plan}
    key = f"ends:{subscription.stripe_id}:{ends:%Y-%m-%d}"
    _send(key, subscription.user, subject, "plan_ends", plan=subscription.plan, ends=ends)


def plan_ended(subscription: Subscription, plan: Plan) -> None:
    """Tell that a plan has ended."""
    subject = _("Your plan %(plan)s has ended") % {"plan": plan}
    _send(f"ended:{subscription.stripe_id}", subscription.user, subject, "plan_ended", plan=plan)


def disputed(payment: Payment, amount: int) -> None:
    """Tell the operator how much of a payment is disputed; `amount` is in the currency's smallest unit."""
    told = money(amount, payment.currency)
    subject = _("%(amount)s of %(email)s is disputed") % {"amount": told, "email": payment.user.email}
    address = f"{settings.SITE_URL}{reverse('admin:billing_payment_change', args=[payment.pk])}"
    key = f"disputed:{payment.reference}:{payment.version}"
    _post(key, settings.OPERATOR_EMAIL, subject, "disputed", payment=payment, disputed=told, address=address)


def _send(key: str, user: User, subject: str, template: str, **context: Any) -> None:
    if user.is_active:
        _post(key, user.email, subject, template, **context)


def _post(key: str, to: str, subject: str, template: str, **context: Any) -> None:
    if not to or not Letter.objects.get_or_create(key=key)[1]:
        return
    links = {
        "billing_url": f"{settings.SITE_URL}{reverse('billing:billing')}",
        "site_name": settings.SITE_NAME,
        "operator": settings.OPERATOR_EMAIL,
    }
    text = render_to_string(f"billing/email/{template}.txt", context | links).strip() + "\n"
    outbox.send(EmailMessage(subject, text, to=[to]))
