"""Takes the money for each order, in the order in which each customer bought.

The group is FIFO: of each queue one message is out at a time, and the next one waits until it is settled. The bank does
not answer now and then; then the order is tried again, and the customer's later orders wait for it.
"""

import json

from . import places
from .books import Books
from .client import Client
from .worker import Delivery, Worker


def pay(books: Books, deliveries: list[Delivery], *, worker: str) -> dict[str, str]:
    """Returns the receipts of those that failed, with the reason."""
    failed = {}
    paid = []
    for delivery in deliveries:
        order = json.loads(delivery["body"])
        if int(order["number"][1:]) % 600 == 7 and delivery["attempt"] == 1:
            failed[delivery["receipt"]] = "the bank did not answer within 5 s"
        else:
            paid.append((order["number"], order["customer"], worker))
    books.write("payment", paid)
    return failed


def main() -> None:
    options = places.options(__doc__)
    books = Books(options.folder)
    worker = Worker(Client.from_file(options.credentials), group=places.PAYMENT, max_count=16)
    worker.run(lambda deliveries: pay(books, deliveries, worker=worker.name))


if __name__ == "__main__":
    main()
