"""Sends the orders of the CSV file. Run it twice: the second time nothing is stored again.

Each order goes with
- `sharding_key`, the customer: orders of one customer stay in order;
- `keys`, the order's number and the customer: the console finds the message by either;
- `tag`, where it was bought: a group may ask for `web||app` and get nothing else;
- `dedup_id`, the order's number: if we do not hear whether a batch was stored, we send it again and it is stored once.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from typing import Any

from . import orders, places
from .client import Client
from .orders import Order

BATCH_COUNT = 500


def send(client: Client, all_orders: Iterable[Order]) -> tuple[int, int]:
    """Returns how many were stored now, and how many had been stored before.

    One batch after the other: two at once could overtake each other, and then orders of a customer would, too.
    """
    stored = repeated = 0
    for batch in _batches(all_orders):
        body = {"messages": [_message(order) for order in batch]}
        answer = client.post(f"/topics/{places.TOPIC}/messages:batch", body, may_repeat=True)
        for order, result in zip(batch, answer["results"], strict=True):
            if not result["ok"]:
                raise SystemExit(f"order {order.number} was refused: {result['code']} {result['detail']}")
            is_repeat = result.get("duplicate", False)
            repeated += is_repeat
            stored += not is_repeat
    return stored, repeated


def _message(order: Order) -> dict[str, Any]:
    return {
        "body": json.dumps(asdict(order)),
        "tag": order.channel,
        "keys": [order.number, order.customer],
        "sharding_key": order.customer,
        "dedup_id": order.number,
        "properties": {"currency": "EUR"},
    }


def _batches(all_orders: Iterable[Order]) -> Iterator[list[Order]]:
    left = iter(all_orders)
    while batch := list(islice(left, BATCH_COUNT)):
        yield batch


if __name__ == "__main__":
    options = places.options(__doc__)
    stored, repeated = send(Client.from_file(options.credentials), orders.read(options.folder))
    print(f"{stored} orders sent; {repeated} had been sent before")
