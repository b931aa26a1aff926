from django.urls import path

from apps.privacy import views

urlpatterns = [
    path("data", views.data, name="account_data"),
    path("data/download", views.download, name="account_download"),
    path("delete", views.delete, name="account_delete"),
]
