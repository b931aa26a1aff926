"""The API's view of a wallet, its movements, and the plans."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import exceptions, mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.http import caller
from apps.billing import services as billing
from apps.billing.models import Plan, Transfer
from apps.billing.plans import connected, plan_of
from apps.billing.powers import KINDS, Powers, Value, of, of_plan
from apps.given import misfits
from apps.paging import NewestFirst


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


class PowersSerializer(serializers.Serializer[Powers]):
    """How much of each power a plan has: a number, or true or false; null is without a limit."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        made: dict[str, serializers.Field[Any, Any, Any, Any]] = {}
        for name, kind in KINDS.items():
            field = serializers.BooleanField if kind.is_flag else serializers.FloatField
            made[name] = field(help_text=kind.title, allow_null=not kind.is_flag)
        return made

    def to_representation(self, instance: Powers) -> dict[str, Value]:
        return dict(instance.values)


class PlanSerializer(serializers.ModelSerializer[Plan]):
    """A plan, its price, its credits a month, and what it can do."""

    price = serializers.IntegerField(help_text=_("A month, in the currency's smallest unit: 1999 is 19.99."))
    credits = serializers.IntegerField(help_text=_("Added each month."))
    current = serializers.SerializerMethodField(help_text=_("Whether it is yours."))
    powers = serializers.SerializerMethodField(help_text=_("What it can do."))

    class Meta:
        model = Plan
        fields = ["slug", "title", "credits", "price", "currency", "current", "powers"]

    def get_current(self, plan: Plan) -> bool:
        return bool(plan.pk == self.context["current"].pk)

    @extend_schema_field(PowersSerializer)
    def get_powers(self, plan: Plan) -> dict[str, Value]:
        return PowersSerializer(of_plan(plan) if connected() else of(self.context["user"])).data


class Plans(APIView):
    """The plans on sale. In a studio without payments, the one that everybody has."""

    @extend_schema(
        responses=PlanSerializer(many=True), tags=["account"], operation_id="plans_list", summary=_("List the plans")
    )
    def get(self, request: Request) -> Response:
        current, user = plan_of(caller(request)), caller(request)
        on_sale = Plan.objects.filter(is_public=True).prefetch_related("powers")
        found = list(on_sale) if connected() else [current]
        return Response(PlanSerializer(found, many=True, context={"current": current, "user": user}).data)


class MovementSerializer(serializers.ModelSerializer[Transfer]):
    """One movement of credits into, within or out of your account."""

    kind = serializers.ChoiceField(Transfer.Kind.choices, help_text=_("What happened."))
    amount = serializers.IntegerField(help_text=_("In credits."))
    source = serializers.CharField(  # type: ignore[assignment]
        source="source.kind", help_text=_("Where they were: wallet, held, issued, earned.")
    )
    destination = serializers.CharField(source="destination.kind", help_text=_("Where they are now."))
    reference = serializers.CharField(help_text=_("What it was for: a job, a payment, a grant."))

    class Meta:
        model = Transfer
        fields = ["id", "created_at", "kind", "amount", "source", "destination", "reference", "part"]


class CreditsViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Transfer]):
    """Every movement of your credits, newest first."""

    serializer_class = MovementSerializer
    pagination_class = NewestFirst
    queryset = Transfer.objects.none()

    def get_queryset(self) -> QuerySet[Transfer]:
        if getattr(self, "swagger_fake_view", False):
            return Transfer.objects.none()
        return billing.history(caller(self.request))

    @extend_schema(tags=["account"], operation_id="credits_list", summary=_("List the movements of your credits"))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if wrong := misfits(request.query_params, self.paginator.names):  # type: ignore[union-attr]
            raise exceptions.ValidationError(wrong)
        return super().list(request, *args, **kwargs)
