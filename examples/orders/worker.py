"""The loop every worker runs: receive, do the work, write it down, then acknowledge; say what failed and why."""

import os
import signal
from collections.abc import Callable
from typing import Any

from . import places
from .client import Client

Delivery = dict[str, Any]
# Takes deliveries and returns, for those that failed, the receipt and why.
Handler = Callable[[list[Delivery]], dict[str, str]]

WAIT_SECONDS = 2


class Worker:
    """A member of a group. Any number of them may run, on any number of machines."""

    def __init__(self, client: Client, *, group: str, max_count: int) -> None:
        self.name = f"{group}-{os.getpid()}"
        self._client = client
        self._group = group
        self._max_count = max_count
        self._is_stopping = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def run(self, handle: Handler) -> None:
        """Works until Ctrl-C or SIGTERM, and ends after the work at hand."""
        asked = {
            "topics": [places.TOPIC],
            "max": self._max_count,
            # The server answers as soon as there is a message; with none it keeps us waiting so long.
            "wait_seconds": WAIT_SECONDS,
            "client_id": self.name,
        }
        while not self._is_stopping:
            got = self._client.post(f"/groups/{self._group}/messages:receive", asked, may_repeat=True)["messages"]
            if got:
                self._settle(got, handle(got))

    def _settle(self, deliveries: list[Delivery], failed: dict[str, str]) -> None:
        """Acknowledges what went well. What failed comes again after a while, or becomes a dead letter.

        A receipt that is stale by now (we were too slow, and the message went to somebody else) is no error: it
        comes again, and the books know it.
        """
        done = [delivery["receipt"] for delivery in deliveries if delivery["receipt"] not in failed]
        if done:
            self._client.post(f"/groups/{self._group}/messages:ack", {"receipts": done}, may_repeat=True)
        for error in sorted(set(failed.values())):
            receipts = [receipt for receipt, why in failed.items() if why == error]
            self._client.post(
                f"/groups/{self._group}/messages:nack", {"receipts": receipts, "error": error}, may_repeat=True
            )

    def _stop(self, number: int, frame: object) -> None:
        self._is_stopping = True
