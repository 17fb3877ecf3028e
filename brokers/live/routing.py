"""The addresses of WebSockets, for `mqconsole.asgi`."""

from typing import Any

from django.urls import path

from . import hints

# Any: Channels puts its own applications where Django's types want views.
_hints: Any = hints.Hints.as_asgi()
websocket_urlpatterns: list[Any] = [path("ws/v1/hints", _hints)]
