"""The REST API of style presets, under /api/v1/presets/."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.http import caller
from apps.errors import StudioError
from apps.given import StrictSerializer
from apps.tools import presets, registry
from apps.tools.models import Preset


class PresetSerializer(serializers.ModelSerializer[Preset]):
    """A look of your own, or one that the staff shares: send its id to a tool as `preset`."""

    own = serializers.SerializerMethodField(help_text=_("You have made it, and may change it."))
    gone = serializers.SerializerMethodField(help_text=_("What it needs that is not on this machine; empty otherwise."))

    class Meta:
        model = Preset
        fields = ["id", "name", "tool", "words", "negative", "params", "shared", "own", "gone", "created_at"]

    def get_own(self, preset: Preset) -> bool:
        return bool(preset.user_id == self.context["request"].user.pk)

    def get_gone(self, preset: Preset) -> str:
        return presets.gone(preset)


class PresetChangeSerializer(StrictSerializer):
    """What can be changed of a preset."""

    name = serializers.CharField(max_length=60, required=False)
    words = serializers.CharField(max_length=500, required=False, allow_blank=True)
    negative = serializers.CharField(max_length=500, required=False, allow_blank=True)
    shared = serializers.BooleanField(
        required=False, help_text=_("Everybody of the studio sees it. Only the staff may share one.")
    )


class PresetCreateSerializer(PresetChangeSerializer):
    """A new preset: a name, words, and settings of a tool's form."""

    name = serializers.CharField(max_length=60)
    tool = serializers.CharField(max_length=40, help_text=_("The tool whose settings these are."))
    params = serializers.DictField(required=False, help_text=_("Settings by the names of the tool's parameters."))


class PresetViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Preset]):
    """Style presets: words and settings that make a look."""

    queryset = Preset.objects.none()
    serializer_class = PresetSerializer
    pagination_class = None
    lookup_value_converter = "uuid"
    summaries = {
        "list": _("List presets"),
        "retrieve": _("Get a preset"),
        "create": _("Create a preset"),
        "partial_update": _("Change a preset"),
        "destroy": _("Delete a preset"),
        "restore": _("Restore a preset"),
    }

    def get_queryset(self) -> QuerySet[Preset]:
        return Preset.objects.of(caller(self.request))

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your presets in your order, then those that the staff shares."""
        return super().list(request, *args, **kwargs)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One preset, and whether all that it needs is here."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(request=PresetCreateSerializer, responses={201: PresetSerializer})
    def create(self, request: Request) -> Response:
        """Save a look."""
        given = self._given(PresetCreateSerializer, request)
        tool = registry.get(given["tool"])
        if tool is None or not presets.takes(tool):
            raise exceptions.ValidationError({"tool": [_("This tool takes no presets.")]})
        params = given.get("params", {})
        known = tool.form_class.base_fields.keys() & set(presets.SETTINGS)
        if unknown := next((name for name in params if name not in known), None):
            raise exceptions.ValidationError(
                {"params": [_("“%(name)s” is no setting of a preset.") % {"name": str(unknown)[:60]}]}
            )
        data = params | {presets.NEGATIVE: given.get("negative", "")}
        try:
            told = {name: given[name] for name in ("name", "words", "shared") if name in given}
            preset = presets.save(caller(request), tool, data, **told)
        except StudioError as error:
            raise exceptions.ValidationError({"params": [error.message]}) from error
        return Response(self.get_serializer(preset).data, status=201)

    @extend_schema(request=PresetChangeSerializer, responses={200: PresetSerializer})
    def partial_update(self, request: Request, pk: str | None = None) -> Response:
        """Give a preset of yours another name or other words."""
        preset, given = self._own(), self._given(PresetChangeSerializer, request)
        for name, value in given.items():
            setattr(preset, name, value)
        preset.save(update_fields=list(given))
        return Response(self.get_serializer(preset).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str | None = None) -> Response:
        """Delete a preset of yours; it can be restored."""
        presets.delete(self._own())
        return Response(status=204)

    @extend_schema(request=None, responses={200: PresetSerializer})
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str = "") -> Response:
        """Bring back a preset of yours that was deleted."""
        preset = Preset.objects.filter(user=caller(request), pk=pk).first()
        if preset is None:
            raise exceptions.NotFound
        presets.restore(preset)
        return Response(self.get_serializer(self.get_object()).data)

    def _own(self) -> Preset:
        preset = self.get_object()
        if preset.user_id != caller(self.request).pk:
            raise exceptions.NotFound
        return preset

    def _given(self, kind: type[StrictSerializer], request: Request) -> dict[str, Any]:
        asked = kind(data=request.data)
        asked.is_valid(raise_exception=True)
        if asked.validated_data.get("shared") and not caller(request).is_staff:
            raise exceptions.ValidationError({"shared": [_("Only the staff may share a preset.")]})
        return dict(asked.validated_data)
