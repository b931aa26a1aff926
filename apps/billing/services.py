"""The only code that moves credits. Lock order everywhere: job, then wallet, then held."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Cast, Substr
from django.utils.crypto import salted_hmac
from django.utils.translation import ngettext

from apps.accounts.models import User
from apps.billing.models import Account, Debt, Payment, Subscription, Transfer, Welcomed
from apps.billing.plans import connected
from apps.errors import StudioError
from apps.live import publish

Kind = Transfer.Kind
COLUMNS: dict[str, str] = {Kind.HOLD: "held", Kind.CAPTURE: "captured", Kind.RELEASE: "released"}

MONTHLY: dict[str, str] = {
    Kind.GRANT: "granted",
    Kind.PURCHASE: "granted",
    Kind.HOLD: "held",
    Kind.CAPTURE: "spent",
    Kind.RELEASE: "released",
    Kind.REFUND: "lost",
    Kind.RESTORE: "granted",
    Kind.FORFEIT: "lost",
}


class InsufficientCredits(StudioError):
    """The wallet holds less than a job needs."""

    code = "insufficient_credits"

    def __init__(self, needed: int, balance: int) -> None:
        self.needed, self.balance = needed, balance
        super().__init__(
            ngettext("You need %(count)s more credit.", "You need %(count)s more credits.", needed - balance)
            % {"count": needed - balance},
            needed=needed,
            balance=balance,
        )


class AccountClosed(StudioError):
    """The account is closed, or about to be deleted."""

    code = "account_closed"


class PaymentOverdue(StudioError):
    """A payment for the plan is overdue for longer than the grace period."""

    code = "payment_overdue"


@dataclass
class Receipt:
    """What one reference (a job) did to the wallet, in credits."""

    reference: str
    held: int = 0
    captured: int = 0
    released: int = 0
    transfers: list[Transfer] = field(default_factory=list)

    def of_part(self, part: str, held: int) -> "Receipt":
        """The share of one job of `held` credits in a hold of several."""
        found = Receipt(self.reference, held, transfers=[each for each in self.transfers if each.part == part])
        for transfer in found.transfers:
            if column := COLUMNS.get(transfer.kind):
                setattr(found, column, getattr(found, column) + transfer.amount)
        return found

    @property
    def open(self) -> int:
        """Credits still held."""
        return self.held - self.captured - self.released


@dataclass
class Month:
    """What moved in a month, in credits: `granted`, with what was bought, and `lost`, with what was paid back."""

    start: datetime
    granted: int = 0
    held: int = 0
    spent: int = 0
    released: int = 0
    lost: int = 0


def open_accounts(user: User) -> None:
    """Give a user a wallet and a held account; harmless when they exist."""
    for kind in (Account.Kind.WALLET, Account.Kind.HELD):
        Account.objects.get_or_create(user=user, kind=kind)


def balance(user: User) -> int:
    """Credits that the user can spend now."""
    return Account.objects.filter(user=user, kind=Account.Kind.WALLET).values_list("balance", flat=True).first() or 0


def held(user: User) -> int:
    """Credits set aside for jobs that are not finished."""
    return Account.objects.filter(user=user, kind=Account.Kind.HELD).values_list("balance", flat=True).first() or 0


def grant(user: User, amount: int, reference: str) -> bool:
    """Give credits; False when there are none to give or this reference was granted before."""
    if amount <= 0:
        return False
    with transaction.atomic():
        open_accounts(user)
        wallet, _ = _lock(user)
        given = _move(_system(Account.Kind.ISSUED), wallet, amount, Kind.GRANT, reference)
        settle_debts(user)
        return given


def purchase(user: User, amount: int, reference: str) -> bool:
    """Give the credits of a payment, which is what the reference names; False when it has given them before."""
    if amount <= 0:
        return False
    with transaction.atomic():
        open_accounts(user)
        wallet, _ = _lock(user)
        given = _move(_system(Account.Kind.ISSUED), wallet, amount, Kind.PURCHASE, reference)
        settle_debts(user)
        return given


def take_back(payment: Payment, target: int) -> int:
    """Make `target` the credits that are taken back for a payment, and return by how many they changed.

    What the wallet lacks is owed. When less is to be taken back than before, what is owed goes first, and the rest
    returns to the wallet. The caller has locked the wallet, then the payment, and counts up its version afterwards.
    """
    change = target - payment.taken_back
    if change == 0:
        return 0
    wallet, _ = _lock(payment.user)
    issued, part = _system(Account.Kind.ISSUED), f"change-{payment.version}"
    debt, _ = Debt.objects.get_or_create(payment=payment, user=payment.user, defaults={"amount": 0})
    if change > 0:
        taken = min(wallet.balance, change)
        if taken:
            _move(wallet, issued, taken, Kind.REFUND, payment.reference, part)
        Debt.objects.filter(pk=debt.pk).update(amount=F("amount") + change - taken)
    else:
        forgiven = min(debt.amount, -change)
        Debt.objects.filter(pk=debt.pk).update(amount=F("amount") - forgiven)
        if back := -change - forgiven:
            _move(issued, wallet, back, Kind.RESTORE, payment.reference, part)
        settle_debts(payment.user)
    return change


def settle_debts(user: User) -> int:
    """Pay what a user owes from the wallet, which the caller has locked; returns the credits paid."""
    paid = 0
    for debt in Debt.objects.filter(user=user, amount__gt=0).select_related("payment").order_by("pk"):
        wallet = Account.objects.get(user=user, kind=Account.Kind.WALLET)
        part = min(wallet.balance, debt.amount)
        if not part:
            break
        _move(wallet, _system(Account.Kind.ISSUED), part, Kind.REFUND, debt.payment.reference, f"debt-{debt.repaid}")
        Debt.objects.filter(pk=debt.pk).update(amount=F("amount") - part, repaid=F("repaid") + part)
        paid += part
    return paid


def owed(user: User) -> int:
    """Credits of refunded payments that the wallet did not have."""
    return Debt.objects.filter(user=user).aggregate(Sum("amount"))["amount__sum"] or 0


def refuse_beyond(user: User, amount: int) -> None:
    """Raise AccountClosed, PaymentOverdue, or InsufficientCredits when the wallet holds less than `amount`.

    This answers early, before an upload is stored; `hold` decides, under the wallet's lock.
    """
    _refuse_closed(user)
    if amount > (now := balance(user)):
        raise InsufficientCredits(needed=amount, balance=now)


def welcome(user: User, address: str) -> bool:
    """Give the free credits of a new account, once for each account and for each address; False when none are given."""
    digest = salted_hmac("apps.billing.welcome", address.strip().casefold(), algorithm="sha256").hexdigest()
    with transaction.atomic():
        lock(user)
        if Welcomed.objects.filter(digest=digest).exists():
            return False
        given = grant(user, settings.FREE_CREDITS, f"welcome:{user.pk}")
        if given:
            Welcomed.objects.create(digest=digest)
        return given


def close_accounts(user: User) -> None:
    """Remove the accounts of a user who has none of the ledger's transfers. Raises ProtectedError for another one."""
    Account.objects.filter(user=user).delete()


def forfeit(user: User) -> int:
    """Take back what is left in the wallet of a deleted account; the credits taken, 0 the second time."""
    with transaction.atomic():
        wallet, _ = _lock(user)
        amount = wallet.balance
        taken = amount and _move(wallet, _system(Account.Kind.ISSUED), amount, Kind.FORFEIT, f"account:{user.pk}")
        return amount if taken else 0


def lock(user: User) -> None:
    """Let no credits of a user be held until the caller's transaction ends."""
    open_accounts(user)
    _lock(user)


def hold(user: User, amount: int, reference: str) -> bool:
    """Set credits aside for a job. Returns False for 0 credits and for a job that has them already.

    The wallet stays locked until the caller's transaction ends, also for 0 credits, so that the caller can count the
    user's jobs while no other hold is made. Raises InsufficientCredits, AccountClosed and PaymentOverdue.
    """
    with transaction.atomic():
        wallet, held_account = _lock(user)
        _refuse_closed(user)
        if amount == 0 or _made(Kind.HOLD, reference):
            return False
        if wallet.balance < amount:
            raise InsufficientCredits(needed=amount, balance=wallet.balance)
        return _move(wallet, held_account, amount, Kind.HOLD, reference)


def _refuse_closed(user: User) -> None:
    if not User.objects.filter(pk=user.pk, is_active=True).exists():
        raise AccountClosed()
    if connected() and any(each.is_overdue for each in Subscription.objects.filter(user=user)):
        raise PaymentOverdue()


def capture(user: User, amount: int, reference: str, part: str = "") -> bool:
    """Charge held credits of a job; False when this part was charged before. Raises ValueError beyond what is held."""
    if amount == 0:
        return False
    with transaction.atomic():
        _, held_account = _lock(user)
        if _made(Kind.CAPTURE, reference, part):
            return False
        if amount > receipt(reference).open:
            raise ValueError(f"Cannot capture {amount} credits: {reference} holds {receipt(reference).open}.")
        return _move(held_account, _system(Account.Kind.EARNED), amount, Kind.CAPTURE, reference, part)


def release(user: User, reference: str, amount: int | None = None, part: str = "") -> int:
    """Give back whatever a job still holds, or an amount of a hold that several share; the credits given back.

    A part is given back once, and never more than is held.
    """
    with transaction.atomic():
        wallet, held_account = _lock(user)
        still = receipt(reference).open
        amount = still if amount is None else min(amount, still)
        if amount and _move(held_account, wallet, amount, Kind.RELEASE, reference, part):
            settle_debts(user)
            return amount
        return 0


def receipt(reference: str) -> Receipt:
    """The transfers of one job, and their sums."""
    return receipts([reference])[reference]


def receipts(references: Sequence[str]) -> dict[str, Receipt]:
    """The receipts of many jobs in one query, by reference."""
    found = {reference: Receipt(reference) for reference in references}
    for transfer in Transfer.objects.filter(reference__in=references).order_by("created_at", "pk"):
        receipt = found[transfer.reference]
        receipt.transfers.append(transfer)
        if column := COLUMNS.get(transfer.kind):
            setattr(receipt, column, getattr(receipt, column) + transfer.amount)
    return found


def history(user: User) -> "models.QuerySet[Transfer]":
    """Every movement into or out of the user's wallet or held account, newest first."""
    mine = list(user.credit_accounts.all())
    return Transfer.objects.filter(Q(source__in=mine) | Q(destination__in=mine)).select_related("source", "destination")


def openings(user: User) -> "models.QuerySet[Transfer]":
    """The movements with which something began, newest first: what follows a hold belongs to it."""
    return history(user).exclude(kind__in=[Kind.CAPTURE, Kind.RELEASE])


def months(user: User) -> list[Month]:
    """What moved in each month in which something did, newest first, from the transfers themselves."""
    sums = (
        history(user)
        .order_by()
        # As text, in UTC on every database: SQLite would ask Python for the month of each row.
        .annotate(month=Substr(Cast("created_at", models.TextField()), 1, len("2026-01")))
        .values_list("month", "kind")
        .annotate(Sum("amount"))
    )
    found: dict[str, Month] = {}
    for text, kind, amount in sums:
        month = found.setdefault(text, Month(datetime.strptime(f"{text}+0000", "%Y-%m%z")))
        column = MONTHLY[kind]
        setattr(month, column, getattr(month, column) + amount)
    return sorted(found.values(), key=lambda month: month.start, reverse=True)


def audit() -> list[str]:
    """Re-add every account from the raw transfers; a sentence for each difference, none when the books are right."""
    problems = []
    incoming = dict(Transfer.objects.values_list("destination").annotate(Sum("amount")))
    outgoing = dict(Transfer.objects.values_list("source").annotate(Sum("amount")))
    total = 0
    for account in Account.objects.select_related("user").iterator():
        true = incoming.get(account.pk, 0) - outgoing.get(account.pk, 0)
        total += true
        if account.kind in Account.SYSTEM:
            if (true > 0) if account.kind == Account.Kind.ISSUED else (true < 0):
                problems.append(f"{account}: the transfers add up to {true}, which this account cannot have.")
        elif true != account.balance:
            problems.append(f"{account}: the row says {account.balance}, the transfers add up to {true}.")
        elif true < 0:
            problems.append(f"{account}: the transfers add up to {true}.")
    if total:
        problems.append(f"All accounts together hold {total}; double entry makes that 0.")
    for row in (
        Transfer.objects.filter(kind__in=[Kind.HOLD, Kind.CAPTURE, Kind.RELEASE])
        .values("reference")
        .annotate(
            held=Sum("amount", filter=Q(kind=Kind.HOLD), default=0),
            settled=Sum("amount", filter=~Q(kind=Kind.HOLD), default=0),
        )
        .filter(settled__gt=F("held"))
    ):
        problems.append(f"{row['reference']}: {row['settled']} credits settled of {row['held']} held.")
    return problems + _audit_payments()


def _audit_payments() -> list[str]:
    """Compare every payment with its transfers: what it gave, and what was taken back for it or is owed."""
    of_money = Transfer.objects.filter(kind__in=[Kind.PURCHASE, Kind.REFUND, Kind.RESTORE])
    sums: dict[str, dict[str, int]] = {}
    for reference, kind, amount in of_money.order_by().values_list("reference", "kind").annotate(Sum("amount")):
        sums.setdefault(reference, {})[kind] = amount
    problems = []
    for payment in Payment.objects.select_related("debt").iterator():
        found = sums.pop(payment.reference, {})
        given = found.get(Kind.PURCHASE, 0)
        gone = found.get(Kind.REFUND, 0) - found.get(Kind.RESTORE, 0)
        gone += payment.debt.amount if hasattr(payment, "debt") else 0
        if given != payment.credits:
            problems.append(f"{payment.reference}: bought {payment.credits} credits, and {given} were given.")
        if gone != payment.taken_back or gone > given:
            problems.append(
                f"{payment.reference}: {payment.taken_back} credits to take back, {gone} are taken or owed."
            )
    problems += [f"{reference}: credits were bought without a payment." for reference in sums]
    return problems


def _lock(user: User) -> tuple[Account, Account]:
    """The user's wallet and held account, locked in that order."""
    wallet = Account.objects.select_for_update().get(user=user, kind=Account.Kind.WALLET)
    return wallet, Account.objects.select_for_update().get(user=user, kind=Account.Kind.HELD)


def _system(kind: Account.Kind) -> Account:
    return Account.objects.get_or_create(user=None, kind=kind)[0]


def _made(kind: Transfer.Kind, reference: str, part: str = "") -> bool:
    return Transfer.objects.filter(kind=kind, reference=reference, part=part).exists()


def _move(
    source: Account, destination: Account, amount: int, kind: Transfer.Kind, reference: str, part: str = ""
) -> bool:
    if _made(kind, reference, part):
        return False
    Transfer.objects.create(
        source=source, destination=destination, amount=amount, kind=kind, reference=reference, part=part
    )
    for account, change in ((source, -amount), (destination, amount)):
        if account.kind not in Account.SYSTEM:
            Account.objects.filter(pk=account.pk).update(balance=F("balance") + change)
        if account.kind == Account.Kind.WALLET and account.user_id:
            transaction.on_commit(partial(publish, account.user_id, "credits.changed"))
    return True
