"""Which dead letters a redrive takes, and the form in which its operation keeps that.

Owns: the check and the stored form of a selection. Must not know: operations.
Called by: engine.redrive, engine.redrive_control.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..domain import limits
from ..domain.errors import Rejected
from ..store.dead_letters import Filter

_TEXTS = ("topic", "key", "message_id", "error", "failure")
_TIMES = ("start", "end")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters: those picked by hand, or all waiting ones that match. Exactly one is given."""

    ids: tuple[int, ...] | None = None
    filter: Filter | None = None


def check(selection: Selection) -> Selection:
    """Returns the selection with its ids in order, each once. Raises Rejected when it makes no sense."""
    if (selection.ids is None) == (selection.filter is None):
        raise Rejected("Give ids or a filter, not both and not none.")
    if selection.ids is not None:
        ids = sorted(set(selection.ids))
        if not 1 <= len(ids) <= limits.REDRIVE_ID_COUNT or not all(0 < i <= limits.INT64_MAX for i in ids):
            raise Rejected(f"Give 1 to {limits.REDRIVE_ID_COUNT} numbers of dead letters, or a filter.")
        return Selection(ids=tuple(ids))
    assert selection.filter is not None
    if selection.filter.state not in {None, "DEAD"}:
        raise Rejected("Only dead letters that wait (state DEAD) can be replayed.")
    return Selection(filter=replace(selection.filter, state=None))


def pack(selection: Selection) -> dict[str, Any]:  # Any: JSON values
    """Returns the form an operation keeps."""
    if selection.ids is not None:
        return {"ids": list(selection.ids)}
    wanted = selection.filter or Filter()
    values: dict[str, Any] = {name: getattr(wanted, name) for name in _TEXTS}
    values["tags"] = list(wanted.tags) if wanted.tags else None
    values |= {name: instant.isoformat() for name in _TIMES if (instant := getattr(wanted, name)) is not None}
    return {"filter": {name: value for name, value in values.items() if value is not None}}


def unpack(values: dict[str, Any]) -> Selection:  # Any: JSON values
    """Returns what `pack` was given."""
    if "ids" in values:
        return Selection(ids=tuple(values["ids"]))
    packed = dict(values["filter"])
    tags = packed.pop("tags", None)
    packed |= {name: datetime.fromisoformat(packed[name]) for name in _TIMES if name in packed}
    return Selection(filter=Filter(**packed, tags=tuple(tags) if tags else None))
