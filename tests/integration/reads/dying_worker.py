"""A process that works on a redrive and dies at a named point, as `kill -9` would have it.

Arguments: database, operation, point, and at which time the point is reached.
"""

import os
import sys

import django
from django.conf import settings

DEATH = 9


def main(database: str, operation_id: int, *, point: str, time: int) -> None:
    settings.DATABASES["default"]["NAME"] = database
    django.setup()
    from brokers.engine import dead_letters
    from brokers.store import session

    left = [time]

    def die(reached: str) -> None:
        if reached == point:
            left[0] -= 1
            if left[0] == 0:
                os._exit(DEATH)

    session.failpoint = die
    while not dead_letters.run_batch(operation_id).is_done:
        pass


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), point=sys.argv[3], time=int(sys.argv[4]))
