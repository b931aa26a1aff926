"""The addresses of the site, and one whose view raises with a visitor's secrets in its hands."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from cinevivid.urls import *  # noqa: F403
from cinevivid.urls import handler400, handler403, handler404, handler429, handler500  # noqa: F401
from cinevivid.urls import urlpatterns as of_the_site


def raising(request: HttpRequest, key: str) -> HttpResponse:
    password, headers, query = dict(request.POST), dict(request.headers), request.GET.dict()
    everything = {"password": password, "headers": headers, "cookies": request.COOKIES, "query": query}
    raise ValueError(f"{len(everything)} kinds of secrets")


urlpatterns = [path("raise/<str:key>", raising), *of_the_site]
