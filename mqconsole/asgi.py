"""The ASGI application of the web process: hot HTTP routes, WebSockets, and Django behind them."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mqconsole.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402 — models must be ready first
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from brokers.dispatch import desk  # noqa: E402
from brokers.doors.http import app as hot  # noqa: E402
from brokers.live.routing import websocket_urlpatterns  # noqa: E402

from . import doctor, interpreter  # noqa: E402

interpreter.share_fairly()

Message = MutableMapping[str, Any]  # Any: as ASGI defines it

_http = hot.in_front_of(cast(Any, django_application))  # Any: Django's and our types of one protocol differ
_protocols: Any = ProtocolTypeRouter(  # Any: so do Channels'
    {
        "http": _http,
        # Only pages of this site may open these with a reader's session.
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)


async def application(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Serves one connection, or the start and end of the process."""
    if scope["type"] == "http":
        await _http(scope, receive, send)
        return
    if scope["type"] != "lifespan":
        await _protocols(scope, receive, send)
        return
    while True:
        event = await receive()
        if event["type"] == "lifespan.startup":
            try:
                doctor.refuse_unsafe_database()
            except doctor.UnsafeDatabase as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await desk.get()
            interpreter.keep_what_is_loaded()
            await send({"type": "lifespan.startup.complete"})
        else:
            await desk.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
