from django.urls import path

from apps.prompts import views

app_name = "prompts"
urlpatterns = [
    path("home/tools/prompt/builder", views.builder, name="builder"),
    path("home/tools/prompt/suggestion", views.suggest, name="suggest"),
    path("home/tools/prompt/suggestion/<uuid:pk>", views.suggestion, name="suggestion"),
]
