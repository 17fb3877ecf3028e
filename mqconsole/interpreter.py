"""How Python runs in a process that serves clients.

Owns: the interpreter's switch interval and garbage collector. Must not know: what is served.
Called by: `mqconsole.asgi`, and `manage.py runbroker`.
"""

import gc
import sys


def share_fairly() -> None:
    """Lets a thread that has its answer from PostgreSQL have the interpreter sooner.

    By default it waits up to 5 ms for the event loop to let go: longer than the commit took.
    """
    sys.setswitchinterval(0.0005)


def keep_what_is_loaded() -> None:
    """Spares the garbage collector what is loaded by now, and young objects most of its visits."""
    # Collections walked all that Django loads, which took a tenth of a second at a time.
    gc.collect()
    gc.freeze()
    # A request makes hundreds of objects and hardly ever a cycle; by default every 700 new ones are walked.
    gc.set_threshold(20_000, 20, 20)
