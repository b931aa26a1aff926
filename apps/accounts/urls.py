from allauth.account.views import LogoutView
from allauth.decorators import rate_limit
from django.urls import path
from django.views.generic import RedirectView

from apps.accounts import views

urlpatterns = [
    path("login/", views.LoginView.as_view(), name="account_login"),
    path("confirm-email/", views.EmailVerificationSentView.as_view(), name="account_email_verification_sent"),
    path("confirm-email/waiting", views.confirmed_elsewhere, name="account_waiting"),
    path("logout/", rate_limit(action="logout")(LogoutView.as_view()), name="account_logout"),
    path("confirm-email/<str:key>/", views.ConfirmEmailView.as_view(), name="account_confirm_email"),
    path("email/", views.EmailView.as_view(), name="account_email"),
    path("profile", views.profile, name="account_profile"),
    path("tokens", views.tokens, name="account_tokens"),
    path("tokens/", RedirectView.as_view(pattern_name="account_tokens", http_method_names=["get", "head"])),
    path("tokens/revoke", views.revoke_all_tokens, name="account_tokens_revoke"),
    path("tokens/<int:pk>/revoke", views.revoke_token, name="account_token_revoke"),
    path("link/<str:uid>/<str:token>", views.sign_in_link, name="account_link"),
]
