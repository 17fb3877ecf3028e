"""JSON objects of which every reader thinks the same: no name twice, no depth that somebody's stack ends at.

Owns: those two rules. Must not know: what the objects mean. Called by: protocols.remoting.frames, bodies.
Whatever the bytes, only ProtocolViolation is raised.
"""

import json
import re
from typing import Any

import orjson

from ...domain import limits
from ...domain.errors import ProtocolViolation

_BLANK_BEFORE_COLON = re.compile(rb'"[ \t\r\n]+:')


def load(data: bytes, *, what: str) -> dict[str, Any]:  # Any: JSON values
    """Returns the object in `data`. Raises ProtocolViolation; its text names `what` could not be read.

    Two readers that disagree on which of two equal names counts would disagree on what was signed, too.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ProtocolViolation(f"{what} is not JSON") from error
    if not isinstance(value, dict):
        raise ProtocolViolation(f"{what} is not a JSON object")
    if not _is_plainly_unique(data, value):
        _refuse_repeats(data, what=what)
        _refuse_depth(value, what=what)
    return value


def _is_plainly_unique(data: bytes, value: dict[str, Any]) -> bool:  # Any: JSON values
    """Returns True if counting shows that no name of an object, and of the objects right in it, stands there twice.

    Each name ends in `":` unless a blank is between; texts may hold `":` too. So as many of them as names that were
    read means that there are no others. Few brackets mean no depth. Requests have this shape; the rest is looked at
    closely.
    """
    count = len(value)
    for item in value.values():
        if isinstance(item, dict):
            count += len(item)
    return data.count(b'":') == count and _BLANK_BEFORE_COLON.search(data) is None and data.count(b"[") <= count


def _refuse_repeats(data: bytes, *, what: str) -> None:
    def unique(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ProtocolViolation(f"{what} names a member twice")

    try:
        json.loads(data, object_pairs_hook=unique)
    except RecursionError:
        raise ProtocolViolation(f"{what} nests too deeply") from None
    except ValueError as error:
        raise ProtocolViolation(f"{what} is not JSON") from error


def _refuse_depth(value: object, *, what: str) -> None:
    level: list[object] = [value]
    for _ in range(limits.JSON_DEPTH + 1):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        if not inner:
            return
        level = inner
    raise ProtocolViolation(f"{what} nests too deeply")
