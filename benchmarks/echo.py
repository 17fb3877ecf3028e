"""The ceiling of the HTTP server: reads a JSON body, answers a small one, stores nothing."""

from typing import Any

import orjson


async def application(scope: Any, receive: Any, send: Any) -> None:  # Any: bare ASGI
    """Serves one request, or the start and end of the process."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    value = orjson.loads((await receive())["body"])
    body = orjson.dumps({"message_id": "0" * 32, "queue": 0, "offset": len(value["body"])})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": body})
