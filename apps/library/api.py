"""The REST API of files, under /api/v1/assets/."""

from typing import Any

import django_filters
import django_filters.rest_framework
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle, UserRateThrottle

from apps.accounts.http import caller
from apps.bodies import takes_files
from apps.given import misfits
from apps.library import storage, uploads
from apps.library.models import Asset, AssetQuerySet
from apps.library.serializers import AssetSerializer, UploadSerializer
from apps.paging import NewestFirst
from apps.parsers import StrictMultiPartParser


class ListFilter(django_filters.rest_framework.DjangoFilterBackend):
    """Filters a list by the address of the request. Raises ValidationError for unknown parameters."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        if view.action != "list":
            return queryset
        filters = self.get_filterset_class(view, queryset)
        known = {*filters.base_filters, *view.paginator.names, api_settings.URL_FORMAT_OVERRIDE}
        if wrong := misfits(request.query_params, known):
            raise exceptions.ValidationError(wrong)
        return super().filter_queryset(request, queryset, view)


class AssetFilter(django_filters.FilterSet):
    """`?kind=`."""

    class Meta:
        model = Asset
        fields = ["kind"]


class UploadThrottle(UserRateThrottle):
    """How many files one account may send: each is decoded to its end."""

    scope = "uploads"


class ShareSerializer(serializers.Serializer[Any]):
    """What your files take of the storage, in bytes. The trash counts until it is emptied."""

    used = serializers.IntegerField(help_text=_("By all your files."))
    trash = serializers.IntegerField(help_text=_("By what is in the trash."))
    quota = serializers.IntegerField(help_text=_("Your share."))


class AssetViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet[Asset]
):
    """Your files: what your jobs have made, and what you have uploaded for them to begin with."""

    queryset = Asset.objects.none()
    serializer_class = AssetSerializer
    pagination_class = NewestFirst
    filter_backends = [ListFilter]
    filterset_class = AssetFilter
    lookup_value_converter = "uuid"
    wrong_state = "asset_of_job"
    summaries = {
        "list": _("List files"),
        "create": _("Upload a file"),
        "retrieve": _("Get a file"),
        "destroy": _("Delete an upload"),
        "storage": _("See how much is stored"),
        "empty_trash": _("Empty the trash"),
    }
    parser_classes = [StrictMultiPartParser]

    def get_throttles(self) -> list[BaseThrottle]:
        more: list[BaseThrottle] = [UploadThrottle()] if self.action == "create" else []
        return [*super().get_throttles(), *more]

    def get_queryset(self) -> AssetQuerySet:
        return Asset.objects.of(caller(self.request)).exclude(file="").select_related("generation")

    @takes_files
    @extend_schema(
        request=UploadSerializer,
        responses={201: AssetSerializer},
    )
    def create(self, request: Request) -> Response:
        """Upload an image, video or sound. It is decoded to its end, and kept without what it says about you.

        The same file again is the same asset.
        """
        asked = UploadSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        file = asked.validated_data["file"]
        try:
            kind = asked.validated_data.get("kind") or uploads.kind_of(file)
            asset = uploads.keep(caller(request), kind, file)
        except uploads.UnusableFile as error:
            raise exceptions.ValidationError({"file": [error.message]}) from error
        data: dict[str, Any] = self.get_serializer(asset).data
        location = request.build_absolute_uri(f"/api/v1/assets/{asset.pk}/")
        return Response(data, status=status.HTTP_201_CREATED, headers={"Location": location})

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your files, made and uploaded, newest first. `next` and `previous` lead to the neighbouring pages."""
        return super().list(request, *args, **kwargs)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What is known of a file. Its bytes are at `url`, for the same token."""
        return super().retrieve(request, *args, **kwargs)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Move an upload to the trash. What a job has made goes with its job."""
        return super().destroy(request, *args, **kwargs)

    def perform_destroy(self, instance: Asset) -> None:
        uploads.delete(instance)

    @extend_schema(responses={200: ShareSerializer}, filters=False)
    @action(detail=False, pagination_class=None)
    def storage(self, request: Request) -> Response:
        """How much of your share of the storage is taken."""
        return Response(ShareSerializer(storage.share(caller(request))).data)

    @extend_schema(request=None, responses={200: ShareSerializer})
    @action(detail=False, methods=["post"], url_path="empty-trash")
    def empty_trash(self, request: Request) -> Response:
        """Remove the files of everything in your trash for good."""
        storage.empty_all(caller(request))
        return Response(ShareSerializer(storage.share(caller(request))).data)
