from django.urls import path

from apps.voices import views

app_name = "voices"
urlpatterns = [
    path("home/voices", views.library, name="library"),
    path("home/voices/<slug:slug>/favourite", views.favourite, name="favourite"),
    path("home/voices/<slug:slug>/withdraw", views.withdraw, name="withdraw"),
    path("home/voices/<slug:slug>/sample", views.sample, name="sample"),
]
