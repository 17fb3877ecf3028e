"""What the workers did, in a SQLite file: which orders are paid and which mails are sent.

A queue delivers every message at least once, so now and then twice. The books make that harmless: an order is paid when
its line is written, and the line of an order that is there already is not written again. The line is committed *before*
the message is acknowledged; the other way round, a crash in between would lose the payment.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from . import places


class Books:
    """The books, opened by one process. Several may write at once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(folder / places.BOOKS, timeout=30, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = WAL")
        # `place` counts up with every line: the order in which things happened.
        for table in ("payment", "mail"):
            self._file.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (place INTEGER PRIMARY KEY AUTOINCREMENT,"
                " number TEXT NOT NULL UNIQUE, customer TEXT NOT NULL, worker TEXT NOT NULL)"
            )

    def write(self, table: str, lines: Sequence[tuple[str, str, str]]) -> None:
        """Writes lines of (order number, customer, worker) in one transaction, leaving out orders that are there."""
        self._file.execute("BEGIN IMMEDIATE")
        self._file.executemany(f"INSERT OR IGNORE INTO {table} (number, customer, worker) VALUES (?, ?, ?)", lines)
        self._file.execute("COMMIT")

    def lines(self, table: str) -> list[tuple[str, str]]:
        """Returns (order number, customer) of every line, in the order of writing."""
        return self._file.execute(f"SELECT number, customer FROM {table} ORDER BY place").fetchall()

    def count(self, table: str) -> int:
        """Returns how many lines there are."""
        return int(self._file.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
