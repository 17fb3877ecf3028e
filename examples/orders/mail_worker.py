"""Mails a confirmation for each order, as many at once as it can get.

Two kinds of failure: sometimes the connection to the mail server drops, and the second try succeeds; and some mailboxes
are full, so that all three tries fail and the message ends as a dead letter with the reason in it.
"""

import json
from pathlib import Path

from . import places
from .books import Books
from .client import Client
from .worker import Delivery, Worker


def mail(folder: Path, books: Books, deliveries: list[Delivery], *, worker: str) -> dict[str, str]:
    """Returns the receipts of those that failed, with the reason."""
    full = set((folder / places.FULL_MAILBOXES).read_text().split())
    failed = {}
    sent = []
    for delivery in deliveries:
        order = json.loads(delivery["body"])
        if order["email"] in full:
            failed[delivery["receipt"]] = f"552 5.2.2 mailbox full: {order['email']}"
        elif int(order["number"][1:]) % 90 == 4 and delivery["attempt"] == 1:
            failed[delivery["receipt"]] = "421 4.4.2 connection dropped"
        else:
            sent.append((order["number"], order["customer"], worker))
    books.write("mail", sent)
    return failed


def main() -> None:
    options = places.options(__doc__)
    books = Books(options.folder)
    worker = Worker(Client.from_file(options.credentials), group=places.MAIL, max_count=250)
    worker.run(lambda deliveries: mail(options.folder, books, deliveries, worker=worker.name))


if __name__ == "__main__":
    main()
