"""Proves that the counts add up: every order paid exactly once and in order, every mail sent or a dead letter."""

import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from . import orders, places
from .books import Books
from .client import Client


def find_faults(client: Client, folder: Path) -> list[str]:
    """Returns what is wrong, in words; nothing when all is as it should be."""
    ordered = [(order.number, order.customer) for order in orders.read(folder)]
    books = Books(folder)
    paid, mailed = books.lines("payment"), books.lines("mail")
    books.close()
    return [*_payment_faults(ordered, paid), *_mail_faults(ordered, mailed, dead_orders(client))]


def dead_orders(client: Client) -> list[str]:
    """Returns the numbers of the orders whose mail is a dead letter that nobody replayed. A number is the first key."""
    return [letter["keys"][0] for letter in client.pages(f"/groups/{places.MAIL}/dead-letters", state="DEAD")]


def _payment_faults(ordered: list[tuple[str, str]], paid: list[tuple[str, str]]) -> list[str]:
    faults = _difference("paid", {number for number, _ in ordered}, [number for number, _ in paid])
    wanted, found = _by_customer(ordered), _by_customer(paid)
    faults += [f"customer {customer}: not paid in order" for customer in wanted if wanted[customer] != found[customer]]
    return faults


def _mail_faults(ordered: list[tuple[str, str]], mailed: list[tuple[str, str]], dead: list[str]) -> list[str]:
    sent = [number for number, _ in mailed]
    faults = _difference("mailed or dead", {number for number, _ in ordered}, [*sent, *dead])
    # A mail can be both for one reason only: it was sent, and the worker died before it could say so, three times.
    if both := set(sent) & set(dead):
        faults.append(f"{len(both)} mails were sent and are dead letters as well")
    return faults


def _difference(what: str, wanted: set[str], found: list[str]) -> list[str]:
    faults = []
    if missing := wanted - set(found):
        faults.append(f"{len(missing)} orders were never {what}, for example {min(missing)}")
    if strange := set(found) - wanted:
        faults.append(f"{len(strange)} were {what} that nobody ordered, for example {min(strange)}")
    if len(found) != len(set(found)):
        faults.append(f"{len(found) - len(set(found))} were {what} twice")
    return faults


def _by_customer(lines: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    numbers: dict[str, list[str]] = defaultdict(list)
    for number, customer in lines:
        numbers[customer].append(number)
    return numbers


def main() -> None:
    options = places.options(__doc__)
    client = Client.from_file(options.credentials)
    faults = find_faults(client, options.folder)
    books = Books(options.folder)
    print(
        f"{books.count('payment')} orders paid, {books.count('mail')} mails sent,"
        f" {len(dead_orders(client))} mails are dead letters"
    )
    sys.exit("\n".join(faults) if faults else 0)


if __name__ == "__main__":
    main()
