from django.urls import path

from apps.prompts import views

app_name = "prompts"
urlpatterns = [path("home/tools/prompt/builder", views.builder, name="builder")]
