"""What a message is before it is in the log.

Owns: the fields of a row. Must not know: how it is written. Called by: the other files of this room, and the engine as
`log.Row`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
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
