from django.urls import path

from apps.library import files, views

app_name = "library"
urlpatterns = [
    path("home/my-library", views.library, name="library"),
    path("home/my-library/<uuid:pk>", views.generation, name="generation"),
    path("media/<uuid:pk>/<slug:part>", files.asset_file, name="asset_file"),
    path("live/<uuid:pk>/<str:name>", files.live_file, name="live_file"),
]
