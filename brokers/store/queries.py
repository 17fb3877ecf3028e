"""Loads the named statements of `sql/*.sql`.

Owns: finding a statement by file and name. Must not know: what statements do. Called by: the other files of this room.
A statement begins with a line `-- name: some_name` and ends before the next such line.
"""

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "sql"
_HEADER = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def load(file: str) -> dict[str, str]:
    """Returns the statements of `sql/<file>.sql` by name. Raises ValueError when two share a name."""
    parts = _HEADER.split((_FOLDER / f"{file}.sql").read_text())
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"two statements of {file}.sql share a name")
    return {name: body.strip().rstrip(";") for name, body in zip(names, bodies, strict=True)}


def schema(file: str) -> str:
    """Returns the text of `sql/schema/<file>.sql`, for a migration."""
    return (_FOLDER / "schema" / f"{file}.sql").read_text()
