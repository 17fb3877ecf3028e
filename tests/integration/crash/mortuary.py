"""Processes that do one operation and die at the n-th point they reach, as `kill -9` would have it.

Run with the database's name; each line of input is a JSON list: operation, arguments, which point. Each line of output
is the exit status of a process forked for it: `DEATH`, or 0 when the operation ended before.
"""

import json
import os
import sys
import traceback
from typing import Any

import django
from django.conf import settings

DEATH = 9


def main(database: str) -> None:
    settings.DATABASES["default"]["NAME"] = database
    django.setup()
    from tests.integration.crash import operations  # noqa: F401 — loaded once, before the forks

    for line in sys.stdin:
        name, arguments, number = json.loads(line)
        child = os.fork()
        if child == 0:
            _die_doing(name, arguments, number)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _die_doing(name: str, arguments: dict[str, Any], number: int) -> None:
    from brokers.store import session
    from tests.integration.crash import operations

    left = [number]

    def die(_: str) -> None:
        if not left[0]:
            os._exit(DEATH)
        left[0] -= 1

    session.failpoint = die
    try:
        operations.perform(name, arguments)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
