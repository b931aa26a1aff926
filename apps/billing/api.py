"""The API's view of a wallet."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.http import caller
from apps.billing import services as billing


class AccountSerializer(serializers.Serializer[Any]):
    """The caller and their credits."""

    email = serializers.EmailField()
    credits = serializers.IntegerField(help_text=_("Free to spend."))
    held = serializers.IntegerField(help_text=_("Set aside for jobs that have not ended."))


class Account(APIView):
    """Who the token belongs to, and their credits."""

    @extend_schema(responses=AccountSerializer, tags=["account"], operation_id="account", summary=_("Get your account"))
    def get(self, request: Request) -> Response:
        user = caller(request)
        return Response({"email": user.email, "credits": billing.balance(user), "held": billing.held(user)})
