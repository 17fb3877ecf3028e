"""The step after the doors have started: waits until the product says that it is ready.

Owns: the patience, and what to say when it runs out.
Must not know: what makes the product ready.
Called by: the supervisor, as `python -m mqconsole.local.greet`; the greeting itself is printed by its own process.
"""

import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping

from . import plan

DEADLINE_SECONDS = 60.0
RETRY_SECONDS = 0.05
# The address is on this machine: a proxy named in the environment has no business with it.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main() -> None:
    url = f"{plan.console_url()}readyz"
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        reason = why_not_ready(url) or why_not_listening(plan.ports())
        if reason is None:
            return
        if time.monotonic() > deadline:
            sys.exit(f"not ready within {DEADLINE_SECONDS:.0f} s: {url}: {reason}")
        time.sleep(RETRY_SECONDS)


def why_not_ready(url: str) -> str | None:
    """Returns None when the address answers 200, or why it does not."""
    try:
        with DIRECT.open(url, timeout=5):
            return None
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read(2000).decode(errors='replace')}"
    except OSError as error:
        return str(error)


def why_not_listening(ports: Mapping[str, int]) -> str | None:
    """Returns None when every port of this machine takes connections, or which one does not. Keys name the settings."""
    for variable, port in ports.items():
        try:
            socket.create_connection((plan.own_host(), port), timeout=5).close()
        except OSError as error:
            return f"{variable}={port}: {error}"
    return None


if __name__ == "__main__":
    main()
