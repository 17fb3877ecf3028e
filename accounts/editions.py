"""Which edition of a thing somebody saw, so that two who change it at once do not overwrite each other.

Owns: how an edition is told from another, and what whoever comes second is told. Must not know: what is changed, how a
door spells an edition. Called by: `grants`, the catalog, doors.
"""

import hashlib
from collections.abc import Collection

CODE = "CHANGED_MEANWHILE"
_DIGITS = 20


def of(*facts: object) -> str:
    """Returns the edition of a thing that says `facts`: the same as long as they are the same, with no clock in it.

    Shapes: hexadecimal digits. The first fact is the row's number, so that what is made anew is another.
    """
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:_DIGITS]


def is_other(seen: Collection[str] | None, edition: str) -> bool:
    """Returns True if somebody saw other editions only; None is somebody who does not ask."""
    return seen is not None and edition not in seen
