"""What a message is before it is in the log.

Owns: the fields of a row. Must not know: how it is written. Called by: the other files of this room, and the engine as
`log.Row`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple


class Row(NamedTuple):  # of a send's values those that cost it are tuples: a frozen dataclass takes three times as long
    """A message ready to be appended. `keys` are joined by one blank; `properties` is a JSON object of strings."""

    queue_id: int
    message_id: str
    tag: str | None
    keys: str | None
    properties: str | None
    body: bytes
    sys_flag: int
    born_at_ms: int
    born_host: str
    reconsume_times: int


def columns(rows: Sequence[Row]) -> dict[str, list[Any]]:  # Any: what each column holds
    """Returns the parameters of a statement that keeps rows elsewhere than in the log, a list for each column."""
    return {
        "queue_ids": [row.queue_id for row in rows],
        "message_ids": [row.message_id for row in rows],
        "tags": [row.tag for row in rows],
        "keys": [row.keys for row in rows],
        "properties": [row.properties for row in rows],
        "bodies": [row.body for row in rows],
        "sys_flags": [row.sys_flag for row in rows],
        "born": [row.born_at_ms for row in rows],
        "hosts": [row.born_host for row in rows],
    }
