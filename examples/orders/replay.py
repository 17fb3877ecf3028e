"""Clears the full mailboxes, then sends the dead letters of the mail group on their way again.

`origin` brings each one back to the group it died in, as a first attempt; the payment group sees nothing of it.
"""

import time
from pathlib import Path
from typing import Any

from . import places
from .client import Client

DEAD_LETTERS = f"/groups/{places.MAIL}/dead-letters"
DEADLINE_SECONDS = 60.0


def clear_mailboxes(folder: Path) -> None:
    """Makes room in every mailbox: what was wrong is put right before anything is sent again."""
    (folder / places.FULL_MAILBOXES).write_text("")


def replay(client: Client) -> dict[str, Any]:
    """Starts a redrive of all bounced mails and returns the operation when it has ended."""
    which = {"filter": {"error": "mailbox full"}}
    preview = client.post(f"{DEAD_LETTERS}:redrive", {**which, "dry_run": True})
    print(f"{preview['count']} dead letters would go back to the group {places.MAIL}")
    operation = client.post(f"{DEAD_LETTERS}:redrive", {**which, "destination": "origin"})
    deadline = time.monotonic() + DEADLINE_SECONDS
    while operation["finished_at"] is None:
        if time.monotonic() > deadline:
            raise SystemExit(f"operation {operation['id']} is {operation['state']} after {DEADLINE_SECONDS:.0f} s")
        time.sleep(0.2)
        operation = client.get(f"/operations/{operation['id']}")
    return dict(operation)


if __name__ == "__main__":
    options = places.options(__doc__)
    clear_mailboxes(options.folder)
    ended = replay(Client.from_file(options.credentials))
    print(f"{ended['state']}: {ended['moved']} of {ended['matched']} moved, {ended['skipped']} skipped")
