"""Credits as double-entry bookkeeping: accounts, and balanced movements between them. Plans, and what people pay."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.billing.seeds import PLANS


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
        RESTORE = "restore", _("Refund undone")
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


class Price(models.Model):
    """What Stripe sells, under a lookup key. The price stands here as well, so that pages need no answer of Stripe."""

    slug = models.SlugField(max_length=30, unique=True)
    title = models.CharField(_("title"), max_length=40)
    credits = models.PositiveIntegerField(_("credits"))
    price = models.PositiveIntegerField(_("price"), help_text=_("In the currency's smallest unit: 1999 is 19.99."))
    currency = models.CharField(_("currency"), max_length=3, default="usd")
    lookup_key = models.CharField(
        max_length=60,
        blank=True,
        default="",
        help_text=_("The name of the price in Stripe. Run stripe_setup after a change."),
    )
    order = models.PositiveSmallIntegerField(_("order"), default=0, help_text=_("A higher one is worth more."))

    class Meta:
        abstract = True
        ordering = ["order", "pk"]

    def __str__(self) -> str:
        return self.title


class PlanManager(models.Manager["Plan"]):
    def standard(self, slug: str) -> "Plan":
        """Return a plan that the software counts on, and make it where somebody has removed it."""
        found = self.filter(slug=slug).first()
        return found or self.get_or_create(slug=slug, defaults=PLANS[slug])[0]


class Plan(Price):
    """What an account may use: so many credits a month at a price, and powers, which have a table of their own."""

    FREE, STUDIO = "free", "studio"

    is_public = models.BooleanField(_("public"), default=True, help_text=_("Shown on the page of prices."))

    objects = PlanManager()

    class Meta(Price.Meta):
        constraints = [
            models.UniqueConstraint(fields=["lookup_key"], condition=~Q(lookup_key=""), name="plan_lookup_key"),
        ]


class Power(models.Model):
    """How much of a power a plan has, where that is not as declared (`apps/billing/powers.py`)."""

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="powers")
    name = models.CharField(_("name"), max_length=40)
    value = models.JSONField(
        _("value"), null=True, blank=True, help_text=_("A number, or true or false; null is without a limit.")
    )

    class Meta:
        ordering = ["plan", "name"]
        constraints = [models.UniqueConstraint(fields=["plan", "name"], name="power_once_per_plan")]

    def __str__(self) -> str:
        return f"{self.name} of {self.plan}"


class TopUp(Price):
    """A pack of credits, paid once."""

    is_public = models.BooleanField(_("public"), default=True, help_text=_("On sale."))

    class Meta(Price.Meta):
        constraints = [
            models.UniqueConstraint(fields=["lookup_key"], condition=~Q(lookup_key=""), name="topup_lookup_key"),
        ]


class Customer(models.Model):
    """Who an account is in Stripe."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="stripe_customer")
    stripe_id = models.CharField(max_length=80, unique=True)
    card_brand = models.CharField(max_length=30, blank=True, default="")
    card_last4 = models.CharField(max_length=4, blank=True, default="")
    leaving = models.BooleanField(default=False, help_text="The account is deleted, so nothing may be charged again.")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.stripe_id


class Subscription(models.Model):
    """The plan of an account, as Stripe last told it. An account that has never paid has a row without Stripe's ids."""

    class Status(models.TextChoices):
        NONE = "none", _("No subscription")
        INCOMPLETE = "incomplete", _("First payment open")
        TRIALING = "trialing", _("On trial")
        ACTIVE = "active", _("Active")
        PAST_DUE = "past_due", _("Payment overdue")
        UNPAID = "unpaid", _("Unpaid")
        PAUSED = "paused", _("Paused")
        CANCELED = "canceled", _("Ended")

    LIVE = (Status.TRIALING, Status.ACTIVE)

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="subscription")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="subscriptions")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.NONE)
    stripe_id = models.CharField(max_length=80, blank=True, default="")
    current_period_end = models.DateTimeField(null=True, blank=True)
    cancel_at_period_end = models.BooleanField(default=False)
    grace_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then an overdue payment leaves the plan as it is."
    )
    downgrade_to = models.ForeignKey(
        Plan, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="From the next period on."
    )
    upgrade_to = models.ForeignKey(
        Plan, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="A larger plan that begins once its open invoice is paid.",
    )  # fmt: skip
    upgrade_until = models.DateTimeField(
        null=True, blank=True, help_text="When Stripe drops an upgrade that nobody paid."
    )
    open_amount = models.PositiveIntegerField(
        null=True, blank=True, help_text="Of the open invoice, in the currency's smallest unit."
    )
    open_currency = models.CharField(max_length=3, blank=True, default="")
    open_url = models.URLField(max_length=500, blank=True, default="", help_text="Where the open invoice is paid.")
    next_amount = models.PositiveIntegerField(
        null=True, blank=True, help_text="The next charge with tax and discounts, in the currency's smallest unit."
    )
    next_currency = models.CharField(max_length=3, blank=True, default="")
    changing_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when a change of the plan is on its way to Stripe."
    )
    free_credits_at = models.DateTimeField(
        null=True, blank=True, help_text="When the free plan gives its next credits."
    )
    version = models.PositiveIntegerField(default=0, help_text="Counts the writes, so that an older answer is dropped.")

    class Meta:
        indexes = [models.Index(fields=["free_credits_at"], name="subscription_free_credits")]

    def __str__(self) -> str:
        return f"{self.plan} of {self.user}"

    @property
    def in_grace(self) -> bool:
        """Whether a payment is overdue, and the plan still holds."""
        return bool(self.status == self.Status.PAST_DUE and self.grace_until and self.grace_until > timezone.now())

    @property
    def is_live(self) -> bool:
        """Whether the plan holds now."""
        return self.status in self.LIVE or self.in_grace

    @property
    def is_overdue(self) -> bool:
        """Whether a payment has been overdue for longer than the grace period."""
        return self.status == self.Status.UNPAID or (self.status == self.Status.PAST_DUE and not self.in_grace)


class Checkout(models.Model):
    """Somebody on the way to Stripe's payment page, or back from it. The row is there before the page is."""

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        PROCESSING = "processing", _("Payment on its way")
        DONE = "done", _("Paid")
        FAILED = "failed", _("Payment failed")
        EXPIRED = "expired", _("Expired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="checkouts")
    plan = models.ForeignKey(Plan, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    topup = models.ForeignKey(TopUp, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    session_id = models.CharField(max_length=100, blank=True, default="", db_index=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(plan__isnull=True, topup__isnull=False) | Q(plan__isnull=False, topup__isnull=True),
                name="checkout_of_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan or self.topup} for {self.user}"


class Payment(models.Model):
    """Money that has come in, once for each invoice of a subscription and each payment of a pack.

    `reference` is Stripe's id of the invoice or the payment intent, and that of the ledger's transfers.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="payments")
    reference = models.CharField(max_length=80, unique=True)
    payment_intent = models.CharField(max_length=80, blank=True, default="", db_index=True)
    title = models.CharField(max_length=80, blank=True, default="")
    credits = models.PositiveIntegerField(help_text="What was bought with it.")
    amount = models.PositiveIntegerField(help_text="What was paid, in the currency's smallest unit.")
    currency = models.CharField(max_length=3)
    refunded = models.PositiveIntegerField(default=0, help_text="Of the amount.")
    disputed = models.PositiveIntegerField(default=0, help_text="Of the amount, open or lost.")
    taken_back = models.PositiveIntegerField(default=0, help_text="Credits, with what is owed.")
    paid_at = models.DateTimeField(default=timezone.now)
    document_url = models.URLField(max_length=500, blank=True, default="", help_text="The invoice or the receipt.")
    version = models.PositiveIntegerField(default=0, help_text="Counts the writes, so that an older answer is dropped.")

    class Meta:
        ordering = ["-paid_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.title} · {self.reference}"


class Debt(models.Model):
    """Credits of a refunded or disputed payment that the wallet did not have. Later credits pay them back."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="credit_debts")
    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="debt")
    amount = models.PositiveIntegerField(help_text="What is still owed, in credits.")
    repaid = models.PositiveIntegerField(default=0, help_text="What later credits have paid, in credits.")

    class Meta:
        indexes = [models.Index(fields=["user"], condition=Q(amount__gt=0), name="debt_open")]

    def __str__(self) -> str:
        return f"{self.amount} · {self.payment.reference}"


class StripeEvent(models.Model):
    """Something that Stripe has told: recorded at once, handled by a worker."""

    class State(models.TextChoices):
        RECEIVED = "received", _("Received")
        STARTED = "started", _("Started")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    id = models.CharField(max_length=100, primary_key=True)
    type = models.CharField(max_length=80)
    object_id = models.CharField(max_length=100)
    customer_id = models.CharField(max_length=100, blank=True, default="")
    created_at = models.DateTimeField(help_text="In Stripe.")
    received_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RECEIVED)
    tries = models.PositiveSmallIntegerField(default=0)
    tried_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["-received_at"]
        indexes = [
            models.Index(fields=["received_at"], condition=~Q(state="done"), name="stripe_event_open"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.object_id}"


class Letter(models.Model):
    """A mail about money that was sent, so that it is sent once."""

    key = models.CharField(max_length=150, primary_key=True)
    sent_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.key
