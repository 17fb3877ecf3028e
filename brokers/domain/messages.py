"""A message on its way in, as it is kept, and on its way out.

Owns: the shapes and the checks that need no store. Must not know: wires, tables. Called by: every room.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from . import clock, limits
from .errors import ErrorCode, Rejected

# Properties the server sets itself; refused from outside (apache/rocketmq MessageConst.STRING_HASH_SET).
RESERVED_PROPERTIES = frozenset(
    "KEYS TAGS WAIT DELAY RETRY_TOPIC REAL_TOPIC REAL_QID TRAN_MSG PGROUP MIN_OFFSET MAX_OFFSET BUYER_ID"
    " ORIGIN_MESSAGE_ID TRANSFER_FLAG CORRECTION_FLAG MQ2_FLAG RECONSUME_TIME MSG_REGION TRACE_ON UNIQ_KEY"
    " EXTEND_UNIQ_INFO MAX_RECONSUME_TIMES CONSUME_START_TIME POP_CK POP_CK_OFFSET 1ST_POP_TIME"
    " TRAN_PREPARED_QUEUE_OFFSET DUP_INFO TRANSACTION_CHECK_TIMES INSTANCE_ID CORRELATION_ID REPLY_TO_CLIENT TTL"
    " ARRIVE_TIME PUSH_REPLY_TIME CLUSTER MSG_TYPE INNER_MULTI_QUEUE_OFFSET TIMER_DELIVER_MS TIMER_DELAY_SEC"
    " TIMER_DELAY_MS TIMER_OUT_MS TIMER_ENQUEUE_MS TIMER_DEQUEUE_MS TIMER_ROLL_TIMES TIMER_DEL_UNIQKEY"
    " TIMER_DELAY_LEVEL DLQ_ORIGIN_TOPIC DLQ_ORIGIN_MESSAGE_ID __BORNHOST BORN_TIMESTAMP __CRC32#".split()
)
# Where a retried or replayed copy came from.
ORIGIN_TOPIC = "RETRY_TOPIC"
ORIGIN_MESSAGE_ID = "ORIGIN_MESSAGE_ID"
SHARDING_KEY = "__SHARDINGKEY"
# What a transactional message tells whoever receives it: that it was one, whose, and under which id.
TRANSACTION_MARK = "TRAN_MSG"
PRODUCER_GROUP = "PGROUP"
TRANSACTION_ID = "__transactionId__"
# Set by its sender: how long a half message is left alone before its producers are asked.
IMMUNITY_SECONDS = "CHECK_IMMUNITY_TIME_IN_SECONDS"
COMMITTED_FLAG = 0x8  # in sys_flag (apache/rocketmq MessageSysFlag.TRANSACTION_COMMIT_TYPE)

_NO_PROPERTIES: Mapping[str, str] = {}


class Outgoing(NamedTuple):
    """A message somebody sends. `deliver_at` or `delay` is set, or neither; doors that choose a queue set `queue`.

    `wire_properties` are what a door itself keeps with the message, reserved names included; people do not set them.
    """

    body: bytes
    message_id: str
    tag: str | None = None
    keys: tuple[str, ...] = ()
    properties: Mapping[str, str] = _NO_PROPERTIES
    wire_properties: Mapping[str, str] = _NO_PROPERTIES
    sharding_key: str | None = None
    dedup_id: str | None = None
    deliver_at: datetime | None = None
    delay: timedelta | None = None
    queue: int | None = None
    sys_flag: int = 0
    born_at_ms: int = 0
    born_host: str = ""
    reconsume_times: int = 0

    @property
    def is_delayed(self) -> bool:
        """Returns True if the message asks to be seen later."""
        return self.deliver_at is not None or self.delay is not None


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in a queue's log, as the store returns it."""

    queue_id: int
    offset: int
    message_id: str
    tag: str | None
    keys: tuple[str, ...]
    properties: Mapping[str, str]
    body: bytes
    sys_flag: int
    body_crc: int
    born_at_ms: int
    born_host: str
    stored_at_ms: int
    reconsume_times: int


def new_message_id() -> str:
    """Returns a fresh id of 32 upper-case hex digits that sorts by time (UUID version 7, RFC 9562 §5.7)."""
    # A generator seeded from the system (again after a fork): ids must differ, they need not be secret.
    noise = random.getrandbits(74)
    value = (clock.now_ms() << 80) | (0x7 << 76) | ((noise >> 62) << 64) | (0b10 << 62) | (noise & ((1 << 62) - 1))
    return f"{value:032X}"


def check(message: Outgoing) -> None:
    """Raises Rejected if the message breaks a limit: body, tag, keys, properties, delay, ids."""
    if len(message.body) > limits.BODY_BYTES:
        raise Rejected(
            f"The body has {len(message.body)} bytes; at most {limits.BODY_BYTES} are allowed.",
            ErrorCode.MESSAGE_TOO_LARGE,
        )
    if message.tag is not None:
        _check_tag(message.tag)
    if message.keys:
        _check_keys(message.keys)
    if message.properties:
        check_properties(message.properties)
    if message.sharding_key is not None and not 0 < len(message.sharding_key) <= limits.SHARDING_KEY_CHARS:
        raise Rejected(f"sharding_key has 1 to {limits.SHARDING_KEY_CHARS} characters.")
    if message.dedup_id is not None and not 0 < len(message.dedup_id) <= limits.DEDUP_ID_CHARS:
        raise Rejected(f"dedup_id has 1 to {limits.DEDUP_ID_CHARS} characters.")
    if message.deliver_at is not None and message.delay is not None:
        raise Rejected("Give deliver_at or delay_seconds, not both.")
    if message.delay is not None and not 0 <= message.delay.total_seconds() <= limits.DELAY_MAX_SECONDS:
        raise Rejected(f"delay_seconds is between 0 and {limits.DELAY_MAX_SECONDS}.")


def check_properties(properties: Mapping[str, str]) -> None:
    """Raises Rejected for too many, too large, empty, unprintable or reserved properties."""
    if len(properties) > limits.PROPERTY_COUNT:
        raise Rejected(f"A message has at most {limits.PROPERTY_COUNT} properties.", ErrorCode.PROPERTIES_TOO_LARGE)
    size = 0
    for name, value in properties.items():
        size += len(name.encode()) + len(value.encode()) + 2
        if not name:
            raise Rejected("A property needs a name.")
        if name in RESERVED_PROPERTIES:
            raise Rejected(f"Property {name!r} is set by the server; use another name.", ErrorCode.RESERVED_PROPERTY)
        if _has_control(name) or "\0" in value or "\x01" in value or "\x02" in value:
            raise Rejected(f"Property {name!r} holds a control character.")
    if size > limits.PROPERTIES_BYTES:
        raise Rejected(
            f"The properties take {size} bytes; at most {limits.PROPERTIES_BYTES} are allowed.",
            ErrorCode.PROPERTIES_TOO_LARGE,
        )


def _check_tag(tag: str) -> None:
    if not 0 < len(tag) <= limits.TAG_CHARS or "||" in tag or tag == "*" or _has_control(tag):
        raise Rejected(f"A tag has 1 to {limits.TAG_CHARS} characters, is not '*' and holds no '||'.")


def _check_keys(keys: tuple[str, ...]) -> None:
    if len(keys) > limits.KEY_COUNT:
        raise Rejected(f"A message has at most {limits.KEY_COUNT} keys.")
    for key in keys:
        if not 0 < len(key) <= limits.KEY_CHARS or " " in key or _has_control(key):
            raise Rejected(f"A key has 1 to {limits.KEY_CHARS} characters without blanks.")


def _has_control(text: str) -> bool:
    return not text.isprintable()
