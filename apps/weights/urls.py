from django.urls import path

from apps.weights import views

urlpatterns = [
    path("studio/models", views.models, name="models"),
    path("studio/models/<str:model_id>", views.model, name="model"),
    path("studio/models/<str:model_id>/<str:verb>", views.act, name="model_act"),
]
