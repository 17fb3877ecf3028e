"""What the demo's consumers do with a message, and which they fail at."""

import json
import random
from datetime import datetime, timedelta
from typing import Any

from ...domain import clock

Delivery = dict[str, Any]  # Any: JSON values

# A dead letter older than this succeeds when it is replayed: somebody has dealt with the cause by then.
# The one kind that never heals is a body that cannot be read.
HEALED_AFTER = timedelta(minutes=2)
_PASSING_TROUBLE_SHARE = 0.03

_chance = random.Random()


class Failure(Exception):
    """The work failed; the text is what the broker keeps."""


def pay(delivery: Delivery) -> None:
    """Takes the money. The bank does not answer now and then, and does at the next attempt. Raises Failure."""
    if delivery["attempt"] == 1 and _chance.random() < _PASSING_TROUBLE_SHARE:
        raise Failure("the bank did not answer within 5 s")


def send_mail(delivery: Delivery) -> None:
    """Sends a mail. Raises Failure for the connection (passing) and for what is wrong with the mail (lasting)."""
    try:
        mail = json.loads(delivery["body"])
    except ValueError as error:
        raise Failure(f"the body is not JSON: {error}") from error
    if delivery["attempt"] == 1 and _chance.random() < _PASSING_TROUBLE_SHARE:
        raise Failure("421 4.4.2 connection dropped")
    if clock.now() - datetime.fromisoformat(delivery["born_at"]) > HEALED_AFTER:
        return
    if mail["to"].startswith("mailbox-full"):
        raise Failure(f"552 5.2.2 mailbox full: {mail['to']}")
    if mail["to"].startswith("unknown-user"):
        raise Failure(f"550 5.1.1 no such user: {mail['to']}")
    if mail["template"] == "spring-sale":
        raise Failure("template 'spring-sale': field 'discount' is missing")


def note(delivery: Delivery) -> None:
    """Looks at a message; nothing can go wrong."""
