from django.urls import path

from apps.accounts import views

urlpatterns = [
    path("profile", views.profile, name="account_profile"),
    path("tokens", views.tokens, name="account_tokens"),
    path("tokens/<int:pk>/revoke", views.revoke_token, name="account_token_revoke"),
    path("link/<str:uid>/<str:token>", views.sign_in_link, name="account_link"),
]
