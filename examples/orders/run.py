"""The whole job at once: prepare, send, work, check, replay the dead letters, check again. About half a minute."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import check, orders, places, prepare, replay, shop
from .books import Books
from .client import Client

DEADLINE_SECONDS = 120.0
STOP_SECONDS = 15.0
# Two workers share the payments, to show that they keep the order between them.
WORKERS = ("payment_worker", "payment_worker", "mail_worker")


def main() -> None:
    options = places.options(__doc__)
    client = Client.from_file(options.credentials)
    prepare.prepare(client)
    orders.make(options.folder)
    with _workers(options.credentials, options.folder):
        start = time.monotonic()
        stored, repeated = shop.send(client, orders.read(options.folder))
        print(f"{stored} orders sent in {time.monotonic() - start:.1f} s; {repeated} had been sent before")
        stored, repeated = shop.send(client, orders.read(options.folder))
        print(f"sent again, to be sure: {stored} stored, {repeated} recognised")
        _wait(client, options.folder, dead_allowed=True)
        _report(client, options.folder, took=time.monotonic() - start)
        replay.clear_mailboxes(options.folder)
        ended = replay.replay(client)
        print(f"replay {ended['state']}: {ended['moved']} of {ended['matched']} moved")
        _wait(client, options.folder, dead_allowed=False)
        _report(client, options.folder, took=time.monotonic() - start)
    print("Everything that was ordered is paid, in order, and every mail is sent.")


@contextmanager
def _workers(credentials: Path, folder: Path) -> Iterator[None]:
    """Runs the workers as processes of their own for the block, as they would run anywhere else."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.{name}", "--credentials", str(credentials), "--folder", str(folder)]
        )
        for name in WORKERS
    ]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        codes = [process.wait(STOP_SECONDS) for process in started]
    if any(codes):
        sys.exit(f"workers ended with {codes}")


def _wait(client: Client, folder: Path, *, dead_allowed: bool) -> None:
    """Waits until both groups have dealt with everything, then checks the books; ends the program if they are wrong."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not _is_done(client, folder, dead_allowed=dead_allowed):
        if time.monotonic() > deadline:
            sys.exit("\n".join(["not done in time:", *check.find_faults(client, folder)]))
        time.sleep(0.3)
    faults = check.find_faults(client, folder)
    if faults:
        sys.exit("\n".join(faults))


def _is_done(client: Client, folder: Path, *, dead_allowed: bool) -> bool:
    books = Books(folder)
    paid, mailed = books.count("payment"), books.count("mail")
    books.close()
    progress = client.get(f"/groups/{places.MAIL}/offsets")
    dead = progress["dead"] if dead_allowed else 0
    return paid >= orders.ORDER_COUNT and mailed + dead >= orders.ORDER_COUNT


def _report(client: Client, folder: Path, *, took: float) -> None:
    books = Books(folder)
    dead = len(check.dead_orders(client))
    print(f"{took:5.1f} s: {books.count('payment')} paid, {books.count('mail')} mails sent, {dead} dead letters")
    books.close()


if __name__ == "__main__":
    main()
