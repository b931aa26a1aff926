from django.urls import path

from apps.library import files, views

app_name = "library"
urlpatterns = [
    path("home/my-library", views.library, name="library"),
    path("home/my-library/<uuid:pk>", views.generation, name="generation"),
    path("home/my-library/uploads", views.my_uploads, name="uploads"),
    path("home/my-library/uploads/<uuid:pk>/delete", views.delete_upload, name="delete_upload"),
    path("home/my-library/uploads/<uuid:pk>/consent", views.consent, name="consent"),
    path("home/my-library/uploads/delete", views.delete_uploads, name="delete_uploads"),
    path("home/my-library/uploads/restore", views.restore_uploads, name="restore_uploads"),
    path("home/my-library/zip", views.download, name="zip"),
    path("home/my-library/trash", views.trash, name="trash"),
    path("home/my-library/trash/delete", views.purge, name="purge"),
    path("home/my-library/trash/empty", views.empty_trash, name="empty_trash"),
    path("home/my-library/last-frame/<uuid:pk>", views.last_frame, name="last_frame"),
    path("media/<uuid:pk>/<slug:part>", files.asset_file, name="asset_file"),
    path("media/<uuid:pk>/text/<str:name>", files.asset_text, name="asset_text"),
    path("live/<uuid:pk>/<str:name>", files.live_file, name="live_file"),
]
