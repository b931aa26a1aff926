"""Wallets in the administration: seen there, and given credits."""

import uuid
from typing import Any

import structlog
from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from apps.accounts.models import User
from apps.billing import powers, services
from apps.billing.models import Account, Payment, Plan, Power, StripeEvent, Subscription, TopUp

log = structlog.get_logger(__name__)
MOST = 1_000_000


class GrantForm(forms.Form):
    """Who gets credits, and how many."""

    email = forms.EmailField(label=gettext_lazy("Email address of the account"))
    amount = forms.IntegerField(label=gettext_lazy("Credits"), min_value=1, max_value=MOST)

    def clean_email(self) -> User:
        user = User.objects.filter(email__iexact=self.cleaned_data["email"], is_active=True).first()
        if user is None:
            raise forms.ValidationError(_("No account has this address. Check its spelling."))
        return user


@admin.register(Account)
class WalletAdmin(ModelAdmin):
    """The wallets of people; only the ledger changes them."""

    list_display = ("user", "balance")
    search_fields = ("user__email",)
    list_select_related = ("user",)
    ordering = ("-balance",)
    change_list_template = "admin/billing/wallets.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        found: QuerySet[Account] = super().get_queryset(request)
        return found.filter(kind=Account.Kind.WALLET, user__is_active=True)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        grant = path("grant/", self.admin_site.admin_view(self.grant), name="billing_grant")
        return [grant, *super().get_urls()]

    def grant(self, request: HttpRequest) -> HttpResponse:
        """Give credits to an account. The key of the form makes it one grant however often it is sent."""
        if not request.user.has_perm("billing.add_transfer"):
            return redirect("admin:index")
        form = GrantForm(request.POST or None, initial={"email": request.GET.get("email", "")})
        if form.is_valid():
            user, amount = form.cleaned_data["email"], form.cleaned_data["amount"]
            key = request.POST.get("key", "")[:40] or uuid.uuid4().hex
            given = services.grant(user, amount, f"grant:{key}")
            if given:
                log.info("credits_granted", user=user.pk, credits=amount, by=request.user.pk)
            text = _("%(email)s has %(amount)d more credits.") if given else _("These were given already.")
            self.message_user(request, text % {"email": user.email, "amount": amount})
            return redirect(reverse("admin:billing_account_changelist"))
        context = self.admin_site.each_context(request) | {
            "title": _("Grant credits"),
            "opts": self.model._meta,
            "form": form,
            "key": uuid.uuid4().hex,
        }
        return TemplateResponse(request, "admin/billing/grant.html", context, status=422 if form.is_bound else 200)


class GoodsAdmin(ModelAdmin):
    """What is on sale. Prices live in Stripe as well, where `stripe_setup` takes a change."""

    list_display = ("title", "credits", "price", "currency", "lookup_key", "is_public")
    prepopulated_fields = {"slug": ("title",)}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # payments and subscriptions speak of it; take it off sale instead

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("slug", "lookup_key") if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields


@admin.register(Plan)
class PlanAdmin(GoodsAdmin):
    """Plans; the free one and the operator's stay."""


@admin.register(TopUp)
class TopUpAdmin(GoodsAdmin):
    """Packs of credits."""


class ReadOnlyAdmin(ModelAdmin):
    """Rows that only the studio writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    """Who is on which plan."""

    list_display = ("user", "plan", "status", "current_period_end", "cancel_at_period_end", "downgrade_to")
    list_filter = ("status", "plan")
    list_select_related = ("user", "plan", "downgrade_to")
    search_fields = ("user__email", "stripe_id")


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    """Money that came in, and what of it went back."""

    list_display = ("paid_at", "user", "title", "amount", "currency", "credits", "refunded", "disputed", "reference")
    list_select_related = ("user",)
    search_fields = ("user__email", "reference", "payment_intent")
    date_hierarchy = "paid_at"


@admin.register(StripeEvent)
class StripeEventAdmin(ReadOnlyAdmin):
    """What Stripe has told, and what became of it."""

    list_display = ("received_at", "type", "state", "tries", "object_id", "error")
    list_filter = ("state", "type")
    search_fields = ("id", "object_id", "customer_id")


class PowerForm(forms.ModelForm):  # type: ignore[type-arg]
    """How much of a power a plan has."""

    name = forms.ChoiceField(
        label=gettext_lazy("Name"), choices=lambda: [(name, kind.title) for name, kind in powers.KINDS.items()]
    )

    class Meta:
        model = Power
        fields = ["plan", "name", "value"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        kind = powers.KINDS.get(data.get("name", ""))
        if kind and "value" in data and not kind.fits(data["value"]):
            told = _("Write true or false.") if kind.is_flag else _("Write a number from 0, or null for no limit.")
            self.add_error("value", told)
        return data


@admin.register(Power)
class PowerAdmin(ModelAdmin):
    """What plans can do; a change counts for what is started, and what starts, from then on."""

    form = PowerForm
    list_display = ("name", "plan", "value")
    list_filter = ("plan", "name")
    list_select_related = ("plan",)
