"""The API's view of files."""

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.given import StrictSerializer
from apps.library.models import Asset


class AssetSerializer(serializers.ModelSerializer[Asset]):
    """A file and where to fetch it (with the same token)."""

    name = serializers.CharField(read_only=True, help_text="The prompt of its job, or the name of the uploaded file.")
    url = serializers.SerializerMethodField()
    poster_url = serializers.SerializerMethodField()

    captions_url = serializers.SerializerMethodField()

    class Meta:
        model = Asset
        fields = [
            "id", "kind", "name", "generation", "url", "poster_url", "captions_url", "width", "height", "frames", "fps",
            "seconds", "bytes", "sha256", "recipe", "created_at",
        ]  # fmt: skip
        extra_kwargs = {
            name: {"help_text": text}
            for name, text in {
                "generation": _("The job that made it; null for what was uploaded."),
                "width": _("Pixels; 0 for a sound."),
                "height": _("Pixels; 0 for a sound."),
                "frames": _("How many frames a video has."),
                "fps": _("Frames a second."),
                "seconds": _("How long it plays."),
                "bytes": _("How large its file is."),
                "recipe": _("All that is needed to make it again."),
            }.items()
        }

    @extend_schema_field(OpenApiTypes.URI)
    def get_url(self, asset: Asset) -> str:
        return str(self.context["request"].build_absolute_uri(asset.get_absolute_url()))

    @extend_schema_field(OpenApiTypes.URI)
    def get_poster_url(self, asset: Asset) -> str:
        return str(self.context["request"].build_absolute_uri(asset.get_part_url("poster"))) if asset.poster else ""

    @extend_schema_field(OpenApiTypes.STR)
    def get_captions_url(self, asset: Asset) -> str:
        """What is said in it, as WebVTT; empty where nothing is."""
        if not asset.captions.get("cues"):
            return ""
        return str(self.context["request"].build_absolute_uri(asset.captions_address))


class UploadSerializer(StrictSerializer):
    """A file to keep in the library."""

    file = serializers.FileField(help_text="A picture, video or sound, in a multipart form.")
    kind = serializers.ChoiceField(
        choices=[Asset.Kind.IMAGE, Asset.Kind.VIDEO, Asset.Kind.AUDIO],
        required=False,
        help_text="What it is to be used as; left out, it is told from the content.",
    )
