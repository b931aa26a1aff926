"""The administration's view of consents: read, never changed."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.voices.models import VoiceConsent


@admin.register(VoiceConsent)
class VoiceConsentAdmin(ModelAdmin):
    list_display = ("name", "speaker", "user", "voice", "created_at")
    list_select_related = ("user",)
    search_fields = ("name", "speaker", "user__email", "voice")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: VoiceConsent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: VoiceConsent | None = None) -> bool:
        return False
