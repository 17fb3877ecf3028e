"""Makes the topic and the two groups, and the day's orders. Does nothing to what is there already."""

from typing import Any

from . import orders, places
from .client import Client, Problem


def prepare(client: Client) -> None:
    """Creates what is missing; a second run finds everything and is done."""
    # FIFO: messages with the same sharding key, here the customer, stay in order. More queues: more customers at once.
    _create(client, "/topics", {"name": places.TOPIC, "type": "FIFO", "queues": 16, "remark": "what customers bought"})
    # The payments of one customer are made one after the other, and a failing one holds the next ones back.
    _create(client, "/groups", {"name": places.PAYMENT, "order": "FIFO", "max_attempts": 16, "backoff_seconds": [1]})
    # Mails may overtake each other. Three failures, and a mail is a dead letter.
    _create(
        client, "/groups", {"name": places.MAIL, "order": "CONCURRENT", "max_attempts": 3, "backoff_seconds": [1, 2]}
    )


def _create(client: Client, path: str, body: dict[str, Any]) -> None:
    try:
        client.post(path, body)
        print(f"made {path.strip('/')[:-1]} {body['name']}")
    except Problem as problem:
        if problem.code != "ALREADY_EXISTS":
            raise


if __name__ == "__main__":
    options = places.options(__doc__)
    prepare(Client.from_file(options.credentials))
    if not (options.folder / places.ORDERS).exists():
        orders.make(options.folder)
