"""The orders of one day, the same ones every time: `python -m examples.orders.orders` writes them as a CSV file.

It also writes down which mailboxes are full today: mail to them bounces until somebody clears them.
"""

import csv
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from . import places

ORDER_COUNT = 10_000
CUSTOMER_COUNT = 400
FULL_MAILBOX_COUNT = 6
CHANNELS = ("web", "app", "phone")
PRODUCTS = (("teapot", 3900), ("cup", 900), ("oolong", 1850), ("sencha", 2100), ("kettle", 6400), ("honey", 750))


@dataclass(frozen=True)
class Order:
    """One line of the CSV file. Numbers rise with time, so a customer's orders have an order."""

    number: str
    customer: str
    email: str
    channel: str
    product: str
    quantity: int
    cents: int


def make(folder: Path, *, count: int = ORDER_COUNT, seed: int = 2026) -> None:
    """Writes `orders.csv` and `full-mailboxes.txt`. The same seed gives the same files."""
    chance = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / places.ORDERS).open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(Order.__dataclass_fields__))
        writer.writeheader()
        for index in range(count):
            # Some buy every day, most do not.
            customer = int(CUSTOMER_COUNT * chance.random() ** 2)
            product, price = chance.choice(PRODUCTS)
            quantity = chance.randint(1, 4)
            order = Order(
                number=f"A{index + 1:06d}",
                customer=f"C{customer:04d}",
                email=f"c{customer:04d}@example.com",
                channel=chance.choices(CHANNELS, weights=(6, 3, 1))[0],
                product=product,
                quantity=quantity,
                cents=price * quantity,
            )
            writer.writerow(asdict(order))
    full = sorted(f"c{customer:04d}@example.com" for customer in chance.sample(range(20, 300), FULL_MAILBOX_COUNT))
    (folder / places.FULL_MAILBOXES).write_text("".join(f"{address}\n" for address in full))


def read(folder: Path) -> Iterator[Order]:
    """Yields the orders of the file, oldest first."""
    with (folder / places.ORDERS).open(newline="") as file:
        for row in csv.DictReader(file):
            yield Order(**{**row, "quantity": int(row["quantity"]), "cents": int(row["cents"])})  # type: ignore[arg-type]  # the rest are strings


if __name__ == "__main__":
    options = places.options(__doc__)
    make(options.folder)
    print(f"{ORDER_COUNT} orders in {options.folder / places.ORDERS}")
