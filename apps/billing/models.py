"""Credits as double-entry bookkeeping: accounts, and balanced movements between them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Account(models.Model):
    """A place where credits can be: two for each user, two for the house.

    `balance` is a cache of the transfers for wallet and held, guarded by a row lock and a CHECK. The system accounts
    keep none: `issued` is the source of all credits and would be negative, and everyone would wait for a shared row.
    """

    class Kind(models.TextChoices):
        WALLET = "wallet", _("Wallet")
        HELD = "held", _("Held for running jobs")
        ISSUED = "issued", _("Issued")
        EARNED = "earned", _("Earned")

    SYSTEM = (Kind.ISSUED, Kind.EARNED)

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="credit_accounts"
    )
    kind = models.CharField(max_length=8, choices=Kind.choices)
    balance = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], condition=Q(user__isnull=False), name="account_user_kind"),
            models.UniqueConstraint(fields=["kind"], condition=Q(user__isnull=True), name="account_system_kind"),
            models.CheckConstraint(condition=Q(balance__gte=0), name="account_balance_not_negative"),
            models.CheckConstraint(
                condition=Q(user__isnull=True, kind__in=["issued", "earned"], balance=0)
                | Q(user__isnull=False, kind__in=["wallet", "held"]),
                name="account_kind_fits_owner",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.user or 'the house'}"


class Transfer(models.Model):
    """One balanced movement of whole credits. Rows are added, never changed or removed."""

    class Kind(models.TextChoices):
        GRANT = "grant", _("Granted")
        PURCHASE = "purchase", _("Bought")
        HOLD = "hold", _("Held")
        CAPTURE = "capture", _("Charged")
        RELEASE = "release", _("Given back")
        REFUND = "refund", _("Payment refunded")
        FORFEIT = "forfeit", _("Lost with the account")

    source = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="outgoing")
    destination = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="incoming")
    amount = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    reference = models.CharField(max_length=80)
    part = models.CharField(max_length=40, default="", blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["reference"], name="transfer_reference")]
        constraints = [
            models.UniqueConstraint(fields=["kind", "reference", "part"], name="transfer_counts_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="transfer_amount_positive"),
            models.CheckConstraint(condition=~Q(source=F("destination")), name="transfer_moves"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount} · {self.reference}"


class Welcomed(models.Model):
    """An address that has had its free credits, as a keyed digest: it outlives the account, and nobody can read it."""

    digest = models.CharField(max_length=64, primary_key=True)

    def __str__(self) -> str:
        return self.digest
