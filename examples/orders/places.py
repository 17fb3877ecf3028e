"""Where this example keeps its files, and what its topic and groups are called."""

import argparse
from pathlib import Path

TOPIC = "orders"
PAYMENT = "payment"
MAIL = "mail"

ORDERS = "orders.csv"
FULL_MAILBOXES = "full-mailboxes.txt"
BOOKS = "books.sqlite3"


def options(description: str | None) -> argparse.Namespace:
    """Reads the two options every program here has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--credentials", type=Path, default=Path("var/credentials.json"), help="default: %(default)s")
    parser.add_argument("--folder", type=Path, default=Path("var/orders"), help="our own files; default: %(default)s")
    return parser.parse_args()
