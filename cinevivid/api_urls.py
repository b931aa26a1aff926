"""The addresses of the API, under /api/v1/."""

from django.urls import path
from rest_framework.routers import DefaultRouter

from apps.billing.api import Account, CreditsViewSet, Plans
from apps.library.api import AssetViewSet
from apps.prompts.api import Compose, Enhance
from apps.reference.views import Schema
from apps.tools import api
from apps.tools.preset_api import PresetViewSet
from apps.voices.api import Favourite, Voices

router = DefaultRouter(use_regex_path=False)
router.include_root_view = False
router.include_format_suffixes = False
router.register("credits", CreditsViewSet, basename="credit")
router.register("assets", AssetViewSet, basename="asset")
router.register("groups", api.GroupViewSet, basename="group")
router.register("presets", PresetViewSet, basename="preset")
router.register("generations", api.GenerationViewSet, basename="generation")

app_name = "api"
urlpatterns = [
    path("schema/", Schema.as_view(), name="schema"),
    path("account/", Account.as_view(), name="account"),
    path("plans/", Plans.as_view(), name="plans"),
    path("prompts/compose/", Compose.as_view(), name="prompts_compose"),
    path("prompts/enhance/", Enhance.as_view(), name="prompts_enhance"),
    path("tools/", api.ToolList.as_view(), name="tools"),
    path("tools/<slug:slug>/", api.Submit.as_view(), name="submit"),
    path("tools/<slug:slug>/quote/", api.Quote.as_view(), name="quote"),
    path("voices/", Voices.as_view(), name="voices"),
    path("voices/<slug:id>/favourite/", Favourite.as_view(), name="voice_favourite"),
    *router.urls,
]
