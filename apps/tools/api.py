"""The REST API under /api/v1/."""

import builtins
import hashlib
import json
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import django_filters
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import exceptions, mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from apps.accounts.http import caller
from apps.accounts.models import User
from apps.billing import services as billing
from apps.bodies import takes_files
from apps.errors import StudioError
from apps.library import storage, zips
from apps.library.api import ListFilter
from apps.library.ids import as_uuid
from apps.library.models import Generation, GenerationQuerySet, Group
from apps.paging import NewestFirst
from apps.problems import Refused
from apps.tools import presets, registry, services
from apps.tools.again import try_again
from apps.tools.batch_api import BATCH, ordered
from apps.tools.models import Preset
from apps.tools.registry import Tool
from apps.tools.schema import ToolSchema
from apps.tools.serializers import (
    PRESET,
    DoneSerializer,
    GenerationSerializer,
    GroupSerializer,
    PickedSerializer,
    QuoteSerializer,
    TitleSerializer,
    ToolSerializer,
    form_serializer,
)

MAX_KEY = 200
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description=f"Any string of up to {MAX_KEY} characters. "
    "Sending the same request again with it returns the first job.",
)


def key_of(request: Request) -> str:
    """Return the Idempotency-Key, or "". Raises StudioError when it cannot be kept: cut, two keys could be the same."""
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > MAX_KEY:
        text = f"The Idempotency-Key has {len(key)} characters; it has at most {MAX_KEY}."
        raise StudioError(text, code="invalid_header", header="Idempotency-Key")
    if not key.isprintable():
        text = "The Idempotency-Key has a character that cannot be printed."
        raise StudioError(text, code="invalid_header", header="Idempotency-Key")
    return key


def digest_of(tool: str, data: Any) -> str:
    """Return what tells a request from another one with the same key: a hash of the tool and all that is sent."""
    asked = json.dumps([tool, data], sort_keys=True, default=_content)
    return hashlib.sha256(asked.encode()).hexdigest()


def _content(file: "UploadedFile[Any]") -> str:
    """Return what stands for an upload in the digest of its request: a hash of its bytes, without its name."""
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def with_preset(user: User, tool: Tool, data: Any) -> Any:
    """Return what a program sends with the preset that it names: the settings of that which it does not send itself.

    Raises ValidationError for a preset that is not there, or whose model is not.
    """
    if not (presets.takes(tool) and isinstance(data, dict) and PRESET in data):
        return data
    sent = {name: data[name] for name in data if name != PRESET}
    if data[PRESET] is None:
        return sent
    named = as_uuid(data[PRESET])
    preset = Preset.objects.of(user).filter(pk=named).first() if named else None
    if preset is None:
        raise exceptions.ValidationError({PRESET: [_("This is not one of your presets.")]})
    try:
        return presets.applied(preset, tool, sent) | {
            name: value for name, value in sent.items() if name in presets.SETTINGS
        }
    except presets.PresetGone as error:
        raise exceptions.ValidationError({PRESET: [error.message]}) from error


class ToolList(APIView):
    """Every tool of this studio."""

    @extend_schema(
        responses=ToolSerializer(many=True), tags=["tools"], operation_id="tools_list", summary=_("List the tools")
    )
    def get(self, request: Request) -> Response:
        return Response(
            [
                {
                    "slug": tool.slug,
                    "title": tool.title,
                    "description": tool.description,
                    "category": tool.category,
                    "path": request.build_absolute_uri(f"{tool.slug}/"),
                }
                for tool in registry.tools()
            ]
        )


class ToolView(APIView):
    """A view of one tool: the tool of the URL, or the one that the schema is being drawn for."""

    tool: Tool | None = None
    operation = ""
    schema = ToolSchema()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.tool = registry.get_or_404(kwargs["slug"])

    def get_serializer(self, **kwargs: Any) -> Serializer[Any]:
        assert self.tool is not None
        return form_serializer(self.tool)(**kwargs)

    def params(self, request: Request, data: Any = None) -> dict[str, Any]:
        assert self.tool is not None
        user = caller(request)
        context: dict[str, Any] = {"user": user, "draft": self.operation == "quote"}
        data = with_preset(user, self.tool, request.data if data is None else data)
        serializer = self.get_serializer(data=data, context=context)
        if not serializer.is_valid():
            raise Refused(serializer.errors, context.get("more", {}))
        return dict(serializer.validated_data)

    def batch(self, request: Request) -> list[dict[str, Any]] | None:
        """Return the parameters of each job of a batch; None where one job is asked for."""
        assert self.tool is not None
        if not self.tool.batches or not isinstance(request.data, dict) or BATCH not in request.data:
            return None
        return ordered(self.tool, request.data, partial(self.params, request), caller(request))


# One job, or the group of a batch.
STARTED = PolymorphicProxySerializer(
    component_name="Started", serializers=[GenerationSerializer, GroupSerializer], resource_type_field_name=None
)


class Submit(ToolView):
    operation = "submit"

    @takes_files
    @extend_schema(parameters=[IDEMPOTENCY_KEY], responses={202: STARTED})
    def post(self, request: Request, slug: str = "") -> Response:
        assert self.tool is not None
        user, key = caller(request), key_of(request)
        digest = digest_of(slug, request.data)
        # Before the parameters are validated: an asset that they name may have been deleted since.
        job = services.earlier(user, key, digest)
        group = job.group if job else None
        if job is None:
            storage.refuse_full(user)  # before anything that is sent is decoded
            if batch := self.batch(request):
                sent: Any = request.data
                title = str(sent.get(self.tool.text) or "")
                group = services.submit_batch(user, self.tool, title, batch, idempotency_key=key, request_digest=digest)
            else:
                params = self.params(request)
                job = services.submit(user, self.tool, params, idempotency_key=key, request_digest=digest)
        data: Any
        if group:
            data, where = GroupSerializer(group).data, f"groups/{group.pk}"
        else:
            assert job is not None
            data, where = GenerationSerializer(job, context={"request": request}).data, f"generations/{job.pk}"
        headers = {"Location": request.build_absolute_uri(f"/api/v1/{where}/")}
        return Response(data, status=status.HTTP_202_ACCEPTED, headers=headers)


class Quote(ToolView):
    operation = "quote"

    @takes_files
    @extend_schema(responses={200: QuoteSerializer})
    def post(self, request: Request, slug: str = "") -> Response:
        assert self.tool is not None
        user, tool, batch = caller(request), self.tool, self.batch(request)
        now = None
        for params in (asked := batch or [self.params(request)]):
            now = services.require(user, tool, params, now)
        quote = services.quote_batch(tool, asked) if batch else services.quote(tool, asked[0])
        return Response(QuoteSerializer(quote).data)


class GenerationFilter(django_filters.FilterSet):
    """`?status=` and `?tool=`."""

    class Meta:
        model = Generation
        fields = ["status", "tool"]


class GenerationViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet[Generation]
):
    """Your jobs: follow them, cancel them, delete what they made."""

    queryset = Generation.objects.none()
    serializer_class = GenerationSerializer
    pagination_class = NewestFirst
    filter_backends = [ListFilter]
    filterset_class = GenerationFilter
    lookup_value_converter = "uuid"
    summaries = {
        "list": _("List jobs"),
        "retrieve": _("Get a job"),
        "destroy": _("Delete a job"),
        "partial_update": _("Rename a job"),
        "cancel": _("Cancel a job"),
        "stop": _("Stop a job early"),
        "retry": _("Try a job again"),
        "delete_many": _("Delete several jobs"),
        "restore_many": _("Restore deleted jobs"),
        "zip": _("Download several jobs"),
    }

    def get_queryset(self) -> GenerationQuerySet:
        return Generation.objects.of(caller(self.request)).with_assets().prefetch_related("inputs")

    def paginate_queryset(self, queryset: Any) -> Any:
        """A page of jobs, with the receipts of all of them in one query."""
        page = super().paginate_queryset(queryset)
        self.receipts = billing.receipts([job.reference for job in page or []])
        return page

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "receipts": getattr(self, "receipts", {})}

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your jobs, newest first. `next` and `previous` are the addresses of the neighbouring pages."""
        return super().list(request, *args, **kwargs)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Where a job is, what it has made, and what it cost. Ask every second or two until `status` is an end."""
        return super().retrieve(request, *args, **kwargs)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Move a job that has ended, and its files, to the trash."""
        return super().destroy(request, *args, **kwargs)

    def perform_destroy(self, instance: Generation) -> None:
        services.delete(instance)

    @extend_schema(request=TitleSerializer, responses={200: GenerationSerializer})
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give a job another title; an empty one is what its tool calls it."""
        job = self.get_object()
        asked = TitleSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        services.rename(job, asked.validated_data["title"])
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=PickedSerializer, responses={200: DoneSerializer}, filters=False)
    @action(detail=False, methods=["post"], url_path="delete", pagination_class=None)
    def delete_many(self, request: Request) -> Response:
        """Move jobs and their files to the trash; the answer names those that are there now."""
        return self._named(services.delete_many(caller(request), self._ids(request)))

    @extend_schema(request=PickedSerializer, responses={200: DoneSerializer}, filters=False)
    @action(detail=False, methods=["post"], url_path="restore", pagination_class=None)
    def restore_many(self, request: Request) -> Response:
        """Take jobs and their files out of the trash; the answer names those that are back."""
        return self._named(services.restore_many(caller(request), self._ids(request)))

    @extend_schema(request=PickedSerializer, responses={(200, "application/zip"): OpenApiTypes.BINARY}, filters=False)
    @action(detail=False, methods=["post"], url_path="zip", pagination_class=None)
    def zip(self, request: Request) -> HttpResponseBase:
        """Download the files of jobs as one zip, which is written while it is sent."""
        media = zips.picked(caller(request), self._ids(request))
        if not media:
            raise exceptions.ValidationError({"ids": ["None of these is a job of yours that has a file."]})
        return zips.answer(f"cinevivid-{timezone.now():%Y-%m-%d}.zip", zips.zipped(media))

    def _ids(self, request: Request) -> builtins.list[UUID]:
        asked = PickedSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return list(asked.validated_data["ids"])

    def _named(self, jobs: Sequence[Generation]) -> Response:
        return Response(DoneSerializer({"ids": [job.pk for job in jobs]}).data)

    @extend_schema(request=None, responses={200: GenerationSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str | None = None) -> Response:
        """Stop a job that has not ended. What it held goes back to the wallet."""
        services.cancel(self.get_object())
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None, responses={200: GenerationSerializer})
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str | None = None) -> Response:
        """End a job with the windows that it has finished, and pay for those only. Before the first it is a cancel."""
        services.stop(self.get_object())
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None, responses={202: GenerationSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str | None = None) -> Response:
        """Start a job that failed or was cancelled once more, with its settings and inputs.

        Asked again, it returns the job that it started before, until that one fails or is cancelled too.
        """
        job = try_again(self.get_object())
        data = self.get_serializer(self.get_queryset().get(pk=job.pk)).data
        location = request.build_absolute_uri(f"/api/v1/generations/{job.pk}/")
        return Response(data, status=status.HTTP_202_ACCEPTED, headers={"Location": location})


class GroupViewSet(mixins.RetrieveModelMixin, viewsets.GenericViewSet[Group]):
    """Jobs that are one thing, such as a batch: follow them and cancel them together."""

    queryset = Group.objects.none()
    serializer_class = GroupSerializer
    lookup_value_converter = "uuid"
    summaries = {"retrieve": _("Get a group"), "cancel": _("Cancel a group")}

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Jobs that are one thing, such as a batch: how far they are, and what they cost together."""
        return super().retrieve(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Group]:
        jobs = Generation.objects.filter(deleted_at=None).order_by("created_at", "pk")
        return Group.objects.filter(user=caller(self.request)).prefetch_related(Prefetch("generations", jobs))

    @extend_schema(request=None, responses={200: GroupSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str | None = None) -> Response:
        """Cancel every job of it that has not ended. What they held goes back to the wallet."""
        services.cancel_group(self.get_object())
        return Response(self.get_serializer(self.get_object()).data)
