"""URL table of the whole site. The hot message routes are not here: `mqconsole.asgi` serves them before Django."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("brokers.api.urls")),
]
