"""The REST API of voices, under /api/v1/voices/."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.http import caller
from apps.errors import StudioError
from apps.given import misfits
from apps.voices import services
from apps.voices.services import AGES, ENGINES, SEXES, Listed, Search

TEXTS = {
    "q": _("Words of the name, the accent or the description."),
    "language": _("A language that the voice speaks, such as en or en-GB."),
    "sex": _("One of female, male and neutral."),
    "accent": _("An accent, as the list names it."),
    "engine": _("One of offline and elevenlabs."),
}
FAVOURITE = "favourite"
CHOICES = {"sex": tuple(SEXES), "engine": tuple(ENGINES), FAVOURITE: ("true", "false")}
PARAMETERS = [
    *(
        OpenApiParameter(name, OpenApiTypes.STR, description=str(text), enum=CHOICES.get(name))
        for name, text in TEXTS.items()
    ),
    OpenApiParameter(FAVOURITE, OpenApiTypes.BOOL, description="Only those that you have marked."),
]


class VoiceSerializer(serializers.Serializer[Any]):
    """A voice: send its slug to a tool as `voice` or `voiceover_voice`."""

    slug = serializers.CharField(source="voice.slug", help_text=_("Its name in requests."))
    name = serializers.CharField(source="voice.name")
    language = serializers.ListField(
        source="voice.language", child=serializers.CharField(), help_text=_("What it speaks, the main language first.")
    )
    sex = serializers.ChoiceField(source="voice.sex", choices=list(SEXES))
    age = serializers.ChoiceField(source="voice.age", choices=list(AGES), allow_blank=True)
    accent = serializers.CharField(source="voice.accent", allow_blank=True)
    engine = serializers.ChoiceField(source="voice.engine", choices=list(ENGINES), help_text=_("Who speaks."))
    description = serializers.CharField(source="voice.description", allow_blank=True)
    stands_for = serializers.CharField(
        source="voice.stands_for",
        allow_blank=True,
        help_text=_("The voice of ElevenLabs whose place it takes in a studio without a key."),
    )
    available = serializers.BooleanField(
        source="voice.available", help_text=_("False for one that is known by name and cannot be used here.")
    )
    favourite = serializers.BooleanField(help_text=_("You have marked it."))
    own = serializers.BooleanField(help_text=_("It was made from your recordings; nobody else has it."))
    sample_url = serializers.SerializerMethodField()

    @extend_schema_field(OpenApiTypes.STR)
    def get_sample_url(self, listed: Listed) -> str:
        if not listed.voice.available:
            return ""
        address = reverse("voices:sample", args=[listed.voice.slug])
        return str(self.context["request"].build_absolute_uri(address))


class Voices(APIView):
    """The voices of this studio."""

    @extend_schema(
        parameters=PARAMETERS,
        responses=VoiceSerializer(many=True),
        tags=["voices"],
        operation_id="voices_list",
        summary=_("List the voices"),
    )
    def get(self, request: Request) -> Response:
        """Every voice that you can use, your favourites first. A sample is made when it is first asked for."""
        given = request.query_params
        if wrong := misfits(given, {*TEXTS, FAVOURITE, "format"}):
            raise exceptions.ValidationError(wrong)
        for name, choices in CHOICES.items():
            if given.get(name, "") not in ("", *choices):
                raise exceptions.ValidationError({name: [f"Choose one of {', '.join(choices)}."]})
        asked = Search(**{name: given.get(name, "") for name in TEXTS}, favourite=given.get(FAVOURITE) == "true")
        found = services.search(caller(request), asked)
        return Response(VoiceSerializer(found, many=True, context={"request": request}).data)


class Favourite(APIView):
    """A mark on a voice."""

    @extend_schema(
        request=None,
        responses={204: None},
        tags=["voices"],
        operation_id="voices_favourite_create",
        summary=_("Mark a voice"),
    )
    def post(self, request: Request, id: str) -> Response:
        """Make a voice one of your favourites, which come first in lists."""
        return self._like(request, id, True)

    @extend_schema(
        request=None,
        responses={204: None},
        tags=["voices"],
        operation_id="voices_favourite_destroy",
        summary=_("Take the mark from a voice"),
    )
    def delete(self, request: Request, id: str) -> Response:
        """Let a voice be no favourite of yours any more."""
        return self._like(request, id, False)

    def _like(self, request: Request, slug: str, liked: bool) -> Response:
        try:
            services.like(caller(request), slug, liked)
        except StudioError as error:
            if error.code == "voice_gone":
                raise exceptions.NotFound from error
            raise
        return Response(status=status.HTTP_204_NO_CONTENT)
