"""Where credits came from and went."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpResponse
from django.shortcuts import render

from apps.accounts.http import SignedIn
from apps.accounts.models import User
from apps.billing import references, services
from apps.billing.models import Payment, Transfer
from apps.billing.references import Subject
from apps.billing.services import Month, Receipt
from apps.paging import page

PAGE_SIZE = 30
MONTHS = 12  # are shown
OF_MONEY = (Transfer.Kind.PURCHASE, Transfer.Kind.REFUND, Transfer.Kind.RESTORE)


@dataclass(frozen=True)
class Line:
    """A line of the page: a job with all that its credits did, or credits that came or went without one."""

    opening: Transfer
    receipt: Receipt | None
    subject: Subject | None


@dataclass(frozen=True)
class Bar:
    """A month of the table, with what is drawn of it: per cent of the largest number of all months."""

    month: Month
    granted: int
    spent: int


@login_required
def credits(request: SignedIn) -> HttpResponse:
    """The wallet, what is held, a line for each job and each grant, and what moved in each month."""
    prefetch_related_objects([request.user], "credit_accounts")  # both lists below ask for them
    shown = page(services.openings(request.user), request.GET, "-created_at", PAGE_SIZE)
    months = services.months(request.user)
    context = {
        "page": shown,
        "lines": _lines(request.user, shown.rows),
        "held": services.held(request.user),
        "bars": _bars(months[:MONTHS]),
        "total": _total(months),
        "operator": settings.OPERATOR_EMAIL,
        "may_grant": request.user.is_staff and request.user.has_perm("billing.add_transfer"),
    }
    return render(request, "billing/credits.html", context)


@login_required
def receipt(request: SignedIn, reference: str) -> HttpResponse:
    """What one job did to the wallet: its transfers."""
    if not services.history(request.user).filter(reference=reference).exists():
        raise Http404
    subject = references.subjects(request.user, [reference]).get(reference)
    return render(request, "billing/receipt.html", {"receipt": services.receipt(reference), "subject": subject})


def _lines(user: User, openings: list[Transfer]) -> list[Line]:
    held = [each.reference for each in openings if each.kind == Transfer.Kind.HOLD]
    receipts, subjects = services.receipts(held), dict(references.subjects(user, held))
    paid = [each.reference for each in openings if each.kind in OF_MONEY]
    for payment in Payment.objects.filter(reference__in=paid) if paid else ():
        subjects[payment.reference] = Subject(payment.title, payment.document_url)
    return [Line(each, receipts.get(each.reference), subjects.get(each.reference)) for each in openings]


def _bars(months: list[Month]) -> list[Bar]:
    most = max((number for month in months for number in (month.granted, month.spent)), default=0) or 1
    return [Bar(month, _share(month.granted, most), _share(month.spent, most)) for month in months]


def _share(number: int, most: int) -> int:
    """Return how long a bar is, in per cent; what is more than nothing can be seen."""
    return max(1, 100 * number // most) if number else 0


def _total(months: list[Month]) -> dict[str, int]:
    return {
        name: sum(getattr(month, name) for month in months) for name in ("granted", "held", "released", "spent", "lost")
    }
