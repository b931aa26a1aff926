"""The REST API of files, under /api/v1/assets/."""

from typing import Any

import django_filters
import django_filters.rest_framework
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, mixins, status, viewsets
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.http import caller
from apps.bodies import takes_files
from apps.library import uploads
from apps.library.models import Asset, AssetQuerySet
from apps.library.serializers import AssetSerializer, UploadSerializer
from apps.problems import ProblemSerializer


class NewestFirst(CursorPagination):
    ordering = "-created_at"
    page_size_query_param = "page_size"
    max_page_size = 100


class AssetFilter(django_filters.FilterSet):
    """`?kind=`."""

    class Meta:
        model = Asset
        fields = ["kind"]


class AssetViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet[Asset]
):
    """Your files: what your jobs have made, and what you have uploaded for them to begin with."""

    queryset = Asset.objects.none()
    serializer_class = AssetSerializer
    pagination_class = NewestFirst
    filter_backends = [django_filters.rest_framework.DjangoFilterBackend]
    filterset_class = AssetFilter
    lookup_value_converter = "uuid"
    parser_classes = [MultiPartParser]

    def get_queryset(self) -> AssetQuerySet:
        return Asset.objects.of(caller(self.request)).exclude(file="").select_related("generation")

    @takes_files
    @extend_schema(
        request=UploadSerializer,
        responses={201: AssetSerializer, **{code: OpenApiResponse(ProblemSerializer) for code in (400, 401, 415, 422)}},
    )
    def create(self, request: Request) -> Response:
        """Upload a picture, video or sound. It is decoded to its end, and kept without what it says about you.

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

    @extend_schema(responses={204: None, **{code: OpenApiResponse(ProblemSerializer) for code in (401, 404, 409)}})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Move an upload to the trash. What a job has made goes with its job."""
        return super().destroy(request, *args, **kwargs)

    def perform_destroy(self, instance: Asset) -> None:
        uploads.delete(instance)
