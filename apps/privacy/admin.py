"""People in the administration: seen, suspended and deleted there; everything else is theirs."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from apps.accounts.models import User
from apps.errors import StudioError
from apps.privacy.deletion import delete_account
from apps.privacy.summary import holdings


@admin.register(User)
class UserAdmin(ModelAdmin):
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name")
    ordering = ("-date_joined",)
    fields = ("email", "name", "is_active", "is_staff", "is_superuser", "groups", "date_joined", "last_login")
    readonly_fields = ("email", "name", "date_joined", "last_login")
    filter_horizontal = ("groups",)
    actions = ("delete_accounts",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Everybody but the emptied users of the ledger."""
        found: QuerySet[User] = super().get_queryset(request).filter(deletion=None)
        return found

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Only a superuser makes others staff; nobody takes rights from themselves by mistake."""
        rights = ("is_staff", "is_superuser", "groups")
        if request.user.is_superuser and obj != request.user:
            return self.readonly_fields
        return self.readonly_fields + rights + (("is_active",) if obj == request.user else ())

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Superusers are changed by superusers only."""
        allowed = bool(super().has_change_permission(request, obj))
        return allowed and (request.user.is_superuser or not (obj and obj.is_superuser))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows of users are not deleted, because the ledger holds on to them: see `delete_accounts`."""
        return False

    def has_delete_accounts_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    @admin.action(description=_("Delete the account, with everything in it"), permissions=["delete_accounts"])
    def delete_accounts(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """Show what would go, then delete."""
        if "confirmed" not in request.POST:
            context = self.admin_site.each_context(request) | {
                "title": gettext("Delete accounts"),
                "opts": self.model._meta,
                "people": [(user, holdings(user)) for user in queryset],
                "checkbox": ACTION_CHECKBOX_NAME,
            }
            return TemplateResponse(request, "admin/privacy/delete_accounts.html", context)
        for user in queryset:
            name = user.email
            try:
                delete_account(user)
            except StudioError as error:
                self.message_user(request, f"{name}: {error.public_text}", messages.ERROR)
            else:
                self.message_user(
                    request, gettext("Account %(number)s is deleted, with everything in it.") % {"number": user.pk}
                )
        return None
