"""What RocketMQ's clients write down of a message when their tracing is on: sent, consumed, decided, recalled.

Owns: reading their records. Must not know: where these are kept. Called by: engine.traces, console.
A body holds records that end with 0x02, of fields between 0x01; newer clients add fields at the end. What does not read
as a record is passed over: anybody may send to that topic.
Source: apache/rocketmq client/.../trace/TraceDataEncoder.java.
"""

from dataclasses import dataclass
from enum import StrEnum

_RECORD_END, _FIELD_END = "\x02", "\x01"
_RECORD_COUNT = 2000
_FIELD_CHARS = 512
_LATEST_MS = 253_402_300_799_000  # the end of the year 9999


class Kind(StrEnum):
    """What a client traced."""

    SENT = "Pub"
    GIVEN = "SubBefore"
    CONSUMED = "SubAfter"
    DECIDED = "EndTransaction"
    RECALLED = "Recall"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One record. What a kind does not have is empty or None; `at_ms` is the client's own clock.

    `group`: of consumers, or of producers. `request`: the same in the GIVEN and the CONSUMED of one delivery.
    `state`: a producer's decision. `is_asked`: it was asked for that decision.
    """

    kind: Kind
    message_id: str
    at_ms: int | None
    group: str = ""
    request: str = ""
    is_success: bool | None = None
    cost_ms: int | None = None
    repeats: int = 0
    state: str = ""
    is_asked: bool = False


def parse(text: str) -> list[Trace]:
    """Returns the records in a body, in order."""
    found = []
    for line in text.split(_RECORD_END, _RECORD_COUNT)[:_RECORD_COUNT]:
        fields = line.split(_FIELD_END)
        if any(len(field) > _FIELD_CHARS for field in fields):
            continue
        try:
            found.append(_record(fields))
        except (ValueError, IndexError):
            continue
    return found


def _record(fields: list[str]) -> Trace:
    kind = Kind(fields[0])
    if kind == Kind.CONSUMED:
        is_told = len(fields) > 8
        return Trace(
            kind=kind,
            request=fields[1],
            message_id=fields[2],
            cost_ms=_whole(fields[3]),
            is_success=_truth(fields[4]),
            at_ms=_whole(fields[7]) if is_told else None,
            group=fields[8] if is_told else "",
        )
    at_ms, group, message_id = _whole(fields[1]), fields[3], fields[5]
    if kind == Kind.GIVEN:
        repeats = _whole(fields[6])
        return Trace(kind=kind, at_ms=at_ms, group=group, message_id=message_id, request=fields[4], repeats=repeats)
    if kind == Kind.SENT:
        success = fields[12] if len(fields) == 13 else fields[13]
        return Trace(
            kind=kind,
            at_ms=at_ms,
            group=group,
            message_id=message_id,
            cost_ms=_whole(fields[10]),
            is_success=_truth(success),
        )
    if kind == Kind.DECIDED:
        asked = _truth(fields[12])
        return Trace(kind=kind, at_ms=at_ms, group=group, message_id=message_id, state=fields[11], is_asked=asked)
    return Trace(kind=kind, at_ms=at_ms, group=group, message_id=message_id, is_success=_truth(fields[6]))


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16) or int(text) > _LATEST_MS:
        raise ValueError(text)
    return int(text)


def _truth(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(text)
    return text == "true"
