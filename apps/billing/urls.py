from django.urls import path

from apps.billing import views

app_name = "billing"
urlpatterns = [
    path("home/credits", views.credits, name="credits"),
    path("home/credits/<path:reference>", views.receipt, name="receipt"),
]
