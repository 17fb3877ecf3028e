"""`python -m mqconsole.web`: one web process.

Owns: the sockets it listens on and uvicorn's options. Must not know: what is served.
Called by: the supervisor (`mqconsole.local.plan`), or a service manager.

Several processes may listen on one port: the kernel deals out connections among them (socket(7), SO_REUSEPORT). Python
uses one processor in each.
"""

import os
import socket
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mqconsole.settings")

import uvicorn

from . import settings

_BACKLOG = 2048


def main() -> None:
    try:
        sockets = listen(settings.BIND, settings.HTTP_PORT, is_shared=settings.WEB_PROCESSES > 1)
    except OSError as error:
        sys.exit(f"cannot listen on port {settings.HTTP_PORT} of {settings.BIND}: {error.strerror}")
    config = uvicorn.Config(
        "mqconsole.asgi:application",
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        # Otherwise uvicorn believes X-Forwarded-For of whoever connects from this machine.
        proxy_headers=settings.BEHIND_PROXY,
        forwarded_allow_ips="*" if settings.BEHIND_PROXY else None,
        timeout_graceful_shutdown=3,
        access_log=False,
        log_level="warning",
        backlog=_BACKLOG,
    )
    server = uvicorn.Server(config)
    server.run(sockets=sockets)
    if not server.started:
        sys.exit(3)


def listen(host: str, port: int, *, is_shared: bool) -> list[socket.socket]:
    """Returns a bound socket for each address of `host`. `is_shared`: other processes of this user may bind it, too.

    Raises OSError when the port is taken.
    """
    found = []
    for family, _, _, _, address in dict.fromkeys(
        socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    ):
        one = socket.socket(family, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
        found.append(one)
    return found


if __name__ == "__main__":
    main()
