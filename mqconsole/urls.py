"""URL table of the whole site. The hot message routes are not here: `mqconsole.asgi` serves them before Django."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("brokers.api.urls")),
    path("", include("brokers.console.urls")),
]

handler404 = "brokers.console.page.not_found"
handler500 = "brokers.console.page.server_error"
