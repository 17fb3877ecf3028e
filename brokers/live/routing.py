"""The addresses of WebSockets, for `mqconsole.asgi`."""

from django.urls import URLPattern, path

from . import hints

websocket_urlpatterns: list[URLPattern] = [path("ws/v1/hints", hints.Hints.as_asgi())]
