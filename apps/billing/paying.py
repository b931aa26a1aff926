"""The pages of prices and of what somebody pays, and where Stripe's webhooks arrive."""

import uuid
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts.http import SignedIn
from apps.accounts.models import User
from apps.billing import events, gateway, payments, powers, services, sync
from apps.billing.models import Checkout, Customer, Payment, Plan, Subscription, TopUp
from apps.billing.plans import connected
from apps.errors import StudioError

log = structlog.get_logger(__name__)
SHOWN = 24  # payments
MAX_KEY = 64
OPEN = (Checkout.Status.OPEN, Checkout.Status.PROCESSING)


@dataclass(frozen=True)
class Offer:
    """A plan as it is offered to whoever looks.

    `act` is "start", "up", "down", or "" for the plan that they have; "wait" for an upgrade whose payment is to be
    confirmed, "next" for what follows by itself. `main` is the next larger one.
    """

    plan: Plan
    act: str
    main: bool = False


def pricing(request: HttpRequest) -> HttpResponse:
    """What plans and packs cost. Anybody may look."""
    user = request.user if isinstance(request.user, User) else None
    row = sync.subscription_of(user) if user and connected() else None
    context = {
        "connected": connected(),
        "offers": offers(row) if connected() else [],
        "subscription": row,
        "packs": TopUp.objects.filter(is_public=True).exclude(lookup_key=""),
        "operator": settings.OPERATOR_EMAIL,
        "may_grant": user is not None and user.is_staff and user.has_perm("billing.add_transfer"),
        "tax": settings.STRIPE_TAX,
    }
    return render(request, "billing/pricing.html", context)


def _checkout(user: User, key: str) -> Checkout | None:
    """Return a user's visit to Stripe's page, of which the address tells; None for any other."""
    try:
        return Checkout.objects.select_related("plan", "topup").filter(pk=uuid.UUID(key), user=user).first()
    except ValueError:
        return None


def offers(row: Subscription | None) -> list[Offer]:
    """Return the plans on sale, each with what its button does for the owner of a subscription."""
    found = list(Plan.objects.filter(is_public=True))
    if row is None:
        return [Offer(plan, "start") for plan in found]
    running = row.status not in (Subscription.Status.NONE, Subscription.Status.CANCELED)
    current = row.plan if running else next((plan for plan in found if plan.slug == Plan.FREE), None)
    made: list[Offer] = []
    for plan in found:
        if plan == current:
            act = ""
        elif running and plan == row.upgrade_to:
            act = "wait"
        elif running and (plan == row.downgrade_to or (row.cancel_at_period_end and plan.slug == Plan.FREE)):
            act = "next"
        elif not running:
            act = "start" if plan.price else ""
        else:
            act = "up" if plan.order > row.plan.order else "down"
        main = act in ("start", "up") and row.upgrade_to is None and not any(offer.main for offer in made)
        made.append(Offer(plan, act, main))
    return made


@login_required
def billing(request: SignedIn) -> HttpResponse:
    """The plan, the next charge and the card, what else can be had, and every payment with its invoice."""
    if not connected():
        return redirect("billing:pricing")
    row = sync.subscription_of(request.user)
    checkout = _checkout(request.user, request.GET.get("checkout", ""))
    if checkout and checkout.status in OPEN:
        payments.look_at(checkout)
    context = {
        "subscription": row,
        "free": Plan.objects.standard(Plan.FREE),
        "running": row.status not in (Subscription.Status.NONE, Subscription.Status.CANCELED),
        "customer": Customer.objects.filter(user=request.user).first(),
        "offers": offers(row),
        "packs": TopUp.objects.filter(is_public=True).exclude(lookup_key=""),
        "payments": Payment.objects.filter(user=request.user)[:SHOWN],
        "owed": services.owed(request.user),
        "checkout": checkout,
    }
    return render(request, "billing/billing.html", context)


@login_required
def paid(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """Where a payment on Stripe's page stands; it leads to the billing page anew when that is known."""
    checkout = get_object_or_404(Checkout, pk=pk, user=request.user)
    if checkout.status == Checkout.Status.OPEN:
        return render(request, "billing/billing.html#paying", {"checkout": checkout})
    address = f"{redirect('billing:billing').url}?checkout={checkout.pk}"
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


@login_required
@require_POST
def checkout(request: SignedIn) -> HttpResponse:
    """Lead to Stripe's page for a plan or a pack."""
    payments.refuse_disconnected()
    goods: Plan | TopUp
    if "plan" in request.POST:
        goods = get_object_or_404(Plan, slug=request.POST["plan"], is_public=True)
    else:
        goods = get_object_or_404(TopUp, slug=request.POST.get("topup", ""), is_public=True)
    try:
        return redirect(payments.start_checkout(request.user, goods))
    except StudioError as error:
        if error.code == "plan_exists":
            messages.info(request, error.public_text)
            return redirect("billing:billing")
        raise


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: SignedIn, slug: str) -> HttpResponse:
    """What a change of plans costs and means, and the button that makes it. The free plan stands for the end."""
    payments.refuse_disconnected()
    to = get_object_or_404(Plan, slug=slug, is_public=True)
    row = sync.subscription_of(request.user)
    refused = None
    if request.method == "POST":
        key = request.POST.get("key", "")[:MAX_KEY] or uuid.uuid4().hex
        try:
            made = payments.change_plan(request.user, to, seen=request.POST.get("seen", ""), key=key)
        except StudioError as error:
            refused = error
        else:
            if made.confirm:
                return redirect(made.confirm)
            messages.success(request, said(made))
            return redirect("billing:billing")
    elif row.status in (Subscription.Status.NONE, Subscription.Status.CANCELED):
        return redirect("billing:pricing")
    elif to == row.upgrade_to:
        return redirect("billing:billing")
    planned = None
    if refused is None:
        try:
            planned = payments.plan_change(request.user, to)
        except StudioError as error:
            refused = error
    context = {
        "change": planned,
        "to": to,
        "refused": refused,
        "subscription": row,
        "differences": powers.differences(planned.before, to) if planned else [],
        "customer": Customer.objects.filter(user=request.user).first(),
        "key": uuid.uuid4().hex,
    }
    return render(request, "billing/change.html", context, status=refused.status if refused else 200)


def said(change: payments.Change) -> str:
    """Return what has been changed, in a sentence."""
    words = {
        "upgrade": _("You are on %(plan)s now."),
        "downgrade": _("%(plan)s begins when this period ends."),
        "cancel": _("Your plan ends with this period."),
        "keep": _("You stay on %(plan)s."),
    }
    return words[change.kind] % {"plan": change.after.title}


@login_required
@require_POST
def portal(request: SignedIn) -> HttpResponse:
    """Lead to Stripe's page for the card, the address and the invoices."""
    return redirect(payments.open_portal(request.user, card="card" in request.POST))


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Take what Stripe tells: verified on the raw body, written down, and answered before anything is done."""
    if not connected():
        return HttpResponse(status=404)
    try:
        told = gateway.verify(request.body, request.headers.get("Stripe-Signature", ""))
    except gateway.BadSignature:
        log.warning("webhook_refused")
        return HttpResponse("This is not signed by Stripe.", status=400, content_type="text/plain")
    events.record(told)
    return HttpResponse(status=200)
