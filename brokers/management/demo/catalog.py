"""The topics and groups of the demo, and making them."""

from typing import Any

from .client import Client, Unwilling

ORDERS = "demo-orders"
MAILS = "demo-mails"
REMINDERS = "demo-reminders"
PAYMENT = "demo-payment"
WAREHOUSE = "demo-warehouse"
REPORTING = "demo-reporting"
MAILER = "demo-mailer"

_TOPICS: list[dict[str, Any]] = [  # Any: JSON values
    {"name": ORDERS, "type": "FIFO", "queues": 4, "remark": "what customers buy; in order for each customer"},
    {"name": MAILS, "type": "NORMAL", "queues": 4, "remark": "mails to be sent; some bounce"},
    {"name": REMINDERS, "type": "DELAY", "queues": 2, "remark": "sent now, seen half a minute later"},
]
_GROUPS: list[dict[str, Any]] = [  # Any: as above
    {"name": PAYMENT, "order": "FIFO", "backoff_seconds": [2], "remark": "takes the money, in order"},
    {"name": WAREHOUSE, "remark": "wants the tags express and pickup"},
    {"name": REPORTING, "remark": "works now and then; its lag rises and falls"},
    {"name": MAILER, "max_attempts": 3, "backoff_seconds": [2, 4], "remark": "some of its mails end as dead letters"},
]


def make(client: Client) -> None:
    """Makes what is missing and leaves alone what is there, also what people have changed. Raises Unwilling."""
    for path, wanted in (("/topics", _TOPICS), ("/groups", _GROUPS)):
        for item in wanted:
            _make_one(client, path, item)


def _make_one(client: Client, path: str, item: dict[str, Any]) -> None:  # Any: as above
    try:
        client.post(path, item)
    except Unwilling as problem:
        if problem.code != "ALREADY_EXISTS":
            raise
