"""Every address of the site."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.decorators.cache import cache_control

from apps.reference.views import docs
from cinevivid import landing, views

# Staff sign in like everybody else, within the same rate limits.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("", landing.landing, name="landing"),
    path("licence", landing.licence, name="licence"),
    path("robots.txt", landing.robots, name="robots"),
    path("sitemap.xml", landing.sitemap, name="sitemap"),
    path("docs", docs, name="docs"),
    path("docs/<path:slug>", docs, name="docs_chapter"),
    path("manifest.webmanifest", cache_control(max_age=86400)(views.manifest), name="manifest"),
    path("accounts/", include("apps.accounts.urls")),
    path("accounts/", include("apps.privacy.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("api/v1/", include("cinevivid.api_urls")),
    re_path("^api(/|$)", views.api_not_found),
    path("admin/r/<path:content_type_id>/<path:object_id>/", admin.site.admin_view(views.view_on_site)),
    path("admin/", admin.site.urls),
    path("", include("apps.billing.urls")),
    path("", include("apps.library.urls")),
    path("", include("apps.prompts.urls")),
    path("", include("apps.tools.urls")),
    path("", include("apps.voices.urls")),
    path("", include("apps.weights.urls")),
]

handler400 = views.bad_request
handler403 = views.forbidden
handler404 = views.not_found
handler429 = views.too_many_requests
handler500 = views.server_error
