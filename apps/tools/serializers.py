"""The API's view of forms and jobs."""

from functools import cache
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.billing import services as billing
from apps.errors import problem
from apps.given import StrictSerializer
from apps.library import picks
from apps.library.models import Asset, Generation, GenerationInput, Group
from apps.library.serializers import AssetSerializer
from apps.problems import ProblemSerializer
from apps.tools import services
from apps.tools.batch_api import BATCH
from apps.tools.fields import AssetField, CatalogueField, PortraitField
from apps.tools.help import described, sentences
from apps.tools.registry import Tool, ToolForm
from workers.presenters import PRESENTERS

PRESET = "preset"  # what a program names one with


def form_serializer(tool: Tool) -> type[serializers.Serializer[Any]]:
    """A serializer with the fields of the tool's form, validated by the form itself."""
    return _form_serializer(type(tool).__name__, tool.form_class, tool.batches)


@cache
def _form_serializer(tool: str, form_class: type[ToolForm], batches: bool) -> type[serializers.Serializer[Any]]:
    fields: dict[str, Any] = {name: _field(name, field) for name, field in form_class.base_fields.items()}
    if batches:
        help_text = _(
            "Several jobs as one group: an object for each, with what it has beside or instead of the other fields. "
            "What has to be sent may stand in each of them. “{red|blue}” in a prompt is two jobs."
        )
        fields[BATCH] = serializers.ListField(child=serializers.DictField(), required=False, help_text=help_text)

    if "style" in fields:
        help_text = _("A style preset: its words are added, and its settings hold where you send none.")
        fields[PRESET] = serializers.UUIDField(required=False, help_text=help_text)

    def validate(self: Any, data: dict[str, Any]) -> dict[str, Any]:
        # What the caller leaves out has the value that the page would have sent.
        initial = {name: field.initial for name, field in form_class.base_fields.items() if field.initial is not None}
        files = MultiValueDict({name: [value] for name, value in data.items() if hasattr(value, "read")})
        form = form_class(initial | data, files, user=self.context["user"], draft=self.context["draft"])
        if not form.is_valid():
            errors = form.errors.get_json_data()
            self.context.setdefault("more", {}).update(form.more)
            raise serializers.ValidationError(
                {
                    "non_field_errors" if name == "__all__" else name: [error["message"] for error in found]
                    for name, found in errors.items()
                }
            )
        return form.params

    return type(f"{tool}Request", (StrictSerializer,), fields | {"validate": validate})


def _field(name: str, field: forms.Field) -> serializers.Field[Any, Any, Any, Any]:
    required = field.required and field.initial is None
    common: dict[str, Any] = {
        "required": required,
        "allow_null": not required,
        "help_text": lazy(described, str)(field),
        "error_messages": _sentences(name, field),
    }
    if not callable(field.initial):
        common["initial"] = field.initial  # told as the default; the form fills it in
    limits = {name: getattr(field, name, None) for name in ("min_value", "max_value")}
    match field:
        case PortraitField():
            return PresenterOrAsset(**common)
        case AssetField():
            return AssetOrFile(**common)
        case forms.BooleanField():
            return serializers.BooleanField(**common)
        case forms.ChoiceField():
            known: list[Any] = field.known if isinstance(field, CatalogueField) else list(field.choices)  # type: ignore[arg-type]
            choices = [choice for choice in known if choice[0] != ""]
            return serializers.ChoiceField(choices=choices, allow_blank=not field.required, **common)
        case forms.FloatField():
            return serializers.FloatField(**limits, **common)  # type: ignore[arg-type]
        case forms.IntegerField():
            return serializers.IntegerField(**limits, **common)  # type: ignore[arg-type]
        case forms.CharField():
            return serializers.CharField(max_length=field.max_length, allow_blank=not field.required, **common)
    raise TypeError(f"No API field for {type(field).__name__}.")


def _sentences(name: str, field: forms.Field) -> dict[str, Any]:
    """What the form says about a value that does not fit, by the codes of the framework, which fills in braces.

    In the language of whoever reads it: a serializer is made once.
    """

    def said(code: str) -> str:
        return sentences(name, field)[code].replace("%(value)s", "{input}")

    told: dict[str, Any] = {code: lazy(said, str)(code) for code in sentences(name, field)}
    told |= {code: told["required"] for code in ("null", "blank") if "required" in told}
    return told | ({"max_string_length": told["invalid"]} if "invalid" in told else {})


@extend_schema_field({"oneOf": [{"type": "string", "format": "uuid"}, {"type": "string", "format": "binary"}]})
class AssetOrFile(serializers.Field[Any, Any, Any, Any]):
    """The id of an asset of the caller's library, or a file in a multipart form."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str | UploadedFile | Asset):  # one that another job of its batch has opened
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "enum": [presenter.slug for presenter in PRESENTERS]},
            {"type": "string", "format": "uuid"},
            {"type": "string", "format": "binary"},
        ]
    }
)
class PresenterOrAsset(AssetOrFile):
    """The slug of a presenter, the id of a picture of the caller's library, or a file in a multipart form."""


class ProgressSerializer(serializers.Serializer[Any]):
    """Where a running job is: window and step count from 1; seconds_left is null until it is known."""

    stage = serializers.CharField(help_text="What is being done, in one word; it depends on the tool.")
    percent = serializers.IntegerField(min_value=0, max_value=100)
    window = serializers.IntegerField(help_text="0 where the work is not done in windows.")
    windows = serializers.IntegerField(help_text=_("How many windows there are."))
    step = serializers.IntegerField(help_text=_("The step of this window."))
    steps = serializers.IntegerField(help_text=_("How many steps a window takes."))
    seconds_left = serializers.FloatField(allow_null=True, help_text=_("Estimated; null until it is known."))
    position = serializers.IntegerField(
        allow_null=True, help_text="Place in the queue, from 1; null once it has started."
    )


class KeptSerializer(serializers.Serializer[Any]):
    """What is finished of a video, a sound or a set of images: a stop keeps it, and it can be seen meanwhile."""

    windows = serializers.IntegerField(help_text=_("Finished windows, sentences or images."))
    seconds = serializers.FloatField(help_text="Of video or sound.")
    live_url = serializers.URLField(
        allow_null=True,
        help_text="An HLS playlist, with the same token; of images, the newest one; null where nothing can be seen.",
    )
    price = serializers.IntegerField(help_text="Credits that are charged when the job is stopped now.")


class CreditsSerializer(serializers.Serializer[Any]):
    """What the job did to the wallet."""

    held = serializers.IntegerField(help_text=_("Set aside when it started."))
    captured = serializers.IntegerField(help_text=_("Paid."))
    released = serializers.IntegerField(help_text=_("Given back."))


class InputSerializer(serializers.ModelSerializer[GenerationInput]):
    """Something that a job begins with: an asset, or the first file that another job will have made."""

    class Meta:
        model = GenerationInput
        fields = ["name", "position", "asset", "source"]


class GenerationSerializer(serializers.ModelSerializer[Generation]):
    """A job: what was asked, where it is, what it made and what it cost."""

    progress = serializers.SerializerMethodField()
    credits = serializers.SerializerMethodField()
    kept = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    assets = AssetSerializer(many=True, read_only=True)
    inputs = InputSerializer(many=True, read_only=True)
    data = serializers.JSONField(  # type: ignore[assignment]
        read_only=True, allow_null=True, help_text="The result of a tool that answers in words."
    )

    class Meta:
        model = Generation
        fields = [
            "id", "tool", "title", "params", "inputs", "group", "status", "stopped_early", "progress", "kept", "cost",
            "credits", "engine", "error", "assets", "data", "created_at", "started_at", "first_frames_at",
            "finished_at",
        ]  # fmt: skip
        extra_kwargs = {
            name: {"help_text": text}
            for name, text in {
                "tool": _("The slug of its tool."),
                "title": _("The prompt, or what the tool calls it."),
                "group": _("The group that it belongs to."),
                "status": _("An end is succeeded, failed or cancelled."),
                "stopped_early": _("It was stopped, and has the windows that were finished."),
                "first_frames_at": _("When its first window could be watched."),
            }.items()
        }

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, job: Generation) -> dict[str, Any]:
        names = ("stage", "percent", "window", "windows", "step", "steps", "seconds_left")
        return {name: getattr(job, name) for name in (*names, "position")}

    @extend_schema_field(KeptSerializer(allow_null=True))
    def get_kept(self, job: Generation) -> dict[str, Any] | None:
        if not job.is_watchable:
            return None
        tool = services.tool_of(job)
        shown = (tool is None or tool.watchable) and job.live_url
        return {
            "windows": job.kept_windows,
            "seconds": job.kept_seconds,
            "live_url": self.context["request"].build_absolute_uri(job.live_url) if shown else None,
            # Before the first whole window a stop cancels the job.
            "price": services.price_if_stopped(job) if job.kept_windows else 0,
        }

    @extend_schema_field(CreditsSerializer)
    def get_credits(self, job: Generation) -> dict[str, int]:
        known = self.context.get("receipts", {})
        receipt = known.get(job.reference) or billing.receipt(job.reference)
        if job.group_id:
            receipt = receipt.of_part(job.part, job.cost)
        return {"held": receipt.held, "captured": receipt.captured, "released": receipt.released}

    @extend_schema_field(ProblemSerializer(allow_null=True))
    def get_error(self, job: Generation) -> dict[str, Any] | None:
        return problem(job.error_code, job.error) if job.error_code else None


class PickedSerializer(StrictSerializer):
    """Some jobs of yours, by their ids. Ids of anything else are passed over."""

    ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=picks.MOST)


class TitleSerializer(StrictSerializer):
    """What a job is called. An empty title is what its tool calls it."""

    title = serializers.CharField(allow_blank=True, max_length=services.MAX_TITLE)


class DoneSerializer(serializers.Serializer[Any]):
    """The jobs for which it was done."""

    ids = serializers.ListField(child=serializers.UUIDField())


class GroupedSerializer(serializers.ModelSerializer[Generation]):
    """A job of a group, in short."""

    percent = serializers.IntegerField(min_value=0, max_value=100, read_only=True)

    class Meta:
        model = Generation
        fields = ["id", "tool", "title", "status", "percent", "cost"]


class GroupSerializer(serializers.ModelSerializer[Group]):
    """Jobs that are one thing to you: how far they are together, and what they cost together."""

    active = serializers.BooleanField(source="is_active", read_only=True, help_text="A job of it has not ended.")
    percent = serializers.IntegerField(min_value=0, max_value=100, read_only=True)
    credits = serializers.SerializerMethodField()
    generations = GroupedSerializer(many=True, read_only=True)

    class Meta:
        model = Group
        fields = ["id", "kind", "title", "active", "percent", "credits", "generations", "created_at"]

    @extend_schema_field(CreditsSerializer)
    def get_credits(self, group: Group) -> dict[str, int]:
        receipt = billing.receipt(group.reference)
        return {"held": receipt.held, "captured": receipt.captured, "released": receipt.released}


class ToolSerializer(serializers.Serializer[Any]):
    """A tool and where to send its parameters."""

    slug = serializers.CharField(help_text=_("Its name in addresses."))
    title = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField()
    path = serializers.CharField(help_text=_("Where its parameters are sent."))


class QuoteSerializer(serializers.Serializer[Any]):
    """What a run will cost before it is started."""

    credits = serializers.IntegerField(help_text=_("What is held when it starts."))
    seconds = serializers.FloatField(
        allow_null=True, help_text=_("Expected time, without loading a model; null when it was never measured.")
    )
    summary = serializers.CharField(help_text=_("What would be made, in a few words."))
    unknown_words = serializers.ListField(
        child=serializers.CharField(), help_text=_("Words of the prompt that the model does not know, and ignores.")
    )
    suggestion = serializers.CharField(
        help_text=_("A prompt in words that the model knows, as near as possible; empty when it knows them all.")
    )
