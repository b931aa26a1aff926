"""Prompts in the words of the video model, under /api/v1/prompts/."""

import hashlib
from collections.abc import Mapping
from typing import Any, cast

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.http import caller
from apps.given import StrictSerializer
from apps.library.models import Generation
from apps.openapi import StudioSchema
from apps.text import told
from apps.tools import registry, services
from apps.tools.api import IDEMPOTENCY_KEY, digest_of, key_of
from apps.tools.fields import SEEDS
from apps.tools.schema import OF_A_JOB
from apps.tools.serializers import GenerationSerializer, form_serializer
from workers.prompts.changes import KINDS
from workers.prompts.compose import ENGINE, MAX_JSON, compose, refuse, too_long
from workers.prompts.read import normal, read
from workers.prompts.shot import SUBJECT_TEXTS, TEXTS, PromptError, from_json
from workers.prompts.vocabulary import VALUES
from workers.prompts.write import TARGETS, write

TOOL = registry.get_or_404("prompt")
TEXT = {"type": "string"}
SUBJECT = {
    "type": "object",
    "properties": {
        "TYPES": {"type": "object", "properties": {"type": TEXT, "sub_type": TEXT}},
        **dict.fromkeys(SUBJECT_TEXTS, TEXT),
        "is_main_subject": {"type": "boolean"},
    },
}
SHOT = {
    "type": "object",
    "description": "A shot in the words of SkyCaptioner-V1. Whatever is empty or left out is not said.",
    "properties": {
        "subjects": {"type": "array", "items": SUBJECT},
        **{name: {"type": "string", "enum": [*values, ""]} for name, values in VALUES.items()},
        **dict.fromkeys(TEXTS, TEXT),
    },
}


@extend_schema_field(SHOT)
class ShotField(serializers.JSONField):
    """A shot as JSON."""


class ComposeSerializer(StrictSerializer):
    """Either a shot, which becomes text, or a text, which becomes a shot."""

    shot = ShotField(required=False, allow_null=True)
    text = serializers.CharField(required=False, allow_null=True, max_length=MAX_JSON)
    target = serializers.ChoiceField(
        choices=TARGETS,
        required=False,
        allow_null=True,
        help_text="t2v (default): for a video from words. i2v: for one that begins with an image, which needs "
        "names, actions, expressions and the camera's motion only.",
    )


class ComposedSerializer(serializers.Serializer[Any]):
    """A shot, the same as text, and what was decided on the way."""

    text = serializers.CharField(allow_blank=True)
    shot = ShotField()
    notes = serializers.ListField(child=serializers.CharField())


class SpanSerializer(serializers.Serializer[Any]):
    """Some words of both prompts. Those kept and added, joined, are the suggestion."""

    kind = serializers.ChoiceField(choices=KINDS)
    text = serializers.CharField()


class SuggestionSerializer(serializers.Serializer[Any]):
    """A longer prompt beside the given one. Nothing is taken for you: send `prompt` to a tool to use it."""

    original = serializers.CharField()
    prompt = serializers.CharField()
    changes = SpanSerializer(many=True)
    shot = ShotField()
    notes = serializers.ListField(child=serializers.CharField())
    engine = serializers.CharField(help_text="What wrote it.")
    seed = serializers.IntegerField(help_text="The same seed makes the same suggestion again.")


class Compose(APIView):
    """Turn a shot into text, or a text into a shot."""

    @extend_schema(
        request=ComposeSerializer,
        responses=ComposedSerializer,
        tags=["prompts"],
        operation_id="prompts_compose",
        summary=_("Turn a shot into a prompt, or back"),
    )
    def post(self, request: Request) -> Response:
        """A shot becomes a prompt in the model's words; a prompt becomes a shot with a field for each of its parts."""
        serializer = ComposeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        shot, text = given.get("shot"), given.get("text")
        if (shot is None) == (text is None):
            raise serializers.ValidationError({"shot": [gettext("Send either a shot or a text.")]})
        try:
            if shot is None:
                reading = read(refuse(text))
                found, notes = reading.shot, [told(note) for note in reading.notes]
            else:
                found, notes = normal(from_json(shot)), []
        except PromptError as error:
            raise serializers.ValidationError(_by_field(error, "text" if shot is None else "shot")) from error
        prompt = write(found, given.get("target") or "t2v")
        if not prompt:
            notes.append(gettext("Nothing of this shot can be said in such a text."))
        elif note := too_long(prompt):
            notes.append(told(note))
        return Response({"text": prompt, "shot": found.to_json(), "notes": notes})


def _by_field(error: PromptError, field: str) -> dict[str, list[str]]:
    """Return the sentences of an error by the field of the request: `shot.subjects[0].action`."""
    return {
        field if name in (field, "prompt", "shot") else f"{field}.{name}": [told(text)]
        for name, text in error.errors.items()
    }


class EnhanceSchema(StudioSchema):
    """A model's suggestion is a job, which can be refused as one."""

    def refusals(self) -> set[str]:
        return super().refusals() | OF_A_JOB


class Enhance(APIView):
    """Suggest a longer prompt."""

    schema = EnhanceSchema()

    @extend_schema(
        request=form_serializer(TOOL),
        parameters=[IDEMPOTENCY_KEY],
        responses={200: SuggestionSerializer, 202: GenerationSerializer},
        tags=["prompts"],
        operation_id="prompts_enhance",
        summary=_("Get a fuller prompt"),
    )
    def post(self, request: Request) -> Response:
        """The rules (`shot-grammar`) answer at once with the suggestion; a model makes a job, whose `data` will be it.

        What writes by default is the operator's choice."""
        user, key = caller(request), key_of(request)
        digest = digest_of("prompts", request.data)
        if job := services.earlier(user, key, digest):
            return self._job(job)
        serializer = form_serializer(TOOL)(data=request.data, context={"user": user, "draft": False})
        serializer.is_valid(raise_exception=True)
        params = dict(serializer.validated_data)
        if key and cast(Mapping[str, Any], request.data).get("seed") in (None, ""):
            # The rules keep no job that a key could find again: with a key, they draw the same each time.
            params["seed"] = int(hashlib.sha256(f"{user.pk}:{key}:{digest}".encode()).hexdigest(), 16) % SEEDS
        if params["engine"] != ENGINE:
            return self._job(services.submit(user, TOOL, params, idempotency_key=key, request_digest=digest))
        made = compose(params["prompt"], params["seed"], target=params["target"], model=params["model_id"])
        return Response(made.to_json() | {"notes": [told(note) for note in made.notes]})

    def _job(self, job: Generation) -> Response:
        location = self.request.build_absolute_uri(f"/api/v1/generations/{job.pk}/")
        data = GenerationSerializer(job, context={"request": self.request}).data
        return Response(data, status=status.HTTP_202_ACCEPTED, headers={"Location": location})
