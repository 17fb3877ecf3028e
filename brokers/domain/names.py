"""Rules for names of instances, topics and groups, and the names derived from a group.

Owns: spelling. Must not know: whether a name exists. Called by: catalog, doors, forms.
Source: apache/rocketmq common/.../topic/TopicValidator.java and MixAll.java.
"""

import re

from . import limits
from .errors import ErrorCode, Rejected

RETRY_PREFIX = "%RETRY%"
DEAD_LETTER_PREFIX = "%DLQ%"

# Topics that clients send to by themselves; made when the first one does.
TRACE_TOPIC = "RMQ_SYS_TRACE_TOPIC"
SYSTEM_TOPICS = frozenset({TRACE_TOPIC})

_NAME = re.compile(r"[%|a-zA-Z0-9_-]+\Z")
_INSTANCE = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z")
_RESERVED_TOPICS = frozenset(
    "TBW102 SELF_TEST_TOPIC OFFSET_MOVED_EVENT SCHEDULE_TOPIC_XXXX RMQ_SYS_TRACE_TOPIC"
    " RMQ_SYS_TRANS_HALF_TOPIC RMQ_SYS_TRANS_OP_HALF_TOPIC TRANS_CHECK_MAX_TIME_TOPIC".split()
)
_RESERVED_GROUPS = frozenset("DEFAULT_PRODUCER DEFAULT_CONSUMER TOOLS_CONSUMER CLIENT_INNER_PRODUCER".split())


def check_topic(name: str) -> str:
    """Returns `name` if people may create a topic so called. Raises Rejected INVALID_NAME otherwise."""
    _check_spelling("topic", name, limits.TOPIC_NAME_CHARS)
    if name in _RESERVED_TOPICS or name.lower().startswith("rmq_sys_") or name.endswith("_REPLY_TOPIC"):
        raise Rejected(f"Topic name {name!r} is reserved; choose another.", ErrorCode.INVALID_NAME)
    return name


def check_group(name: str) -> str:
    """Returns `name` if people may create a group so called. Raises Rejected INVALID_NAME otherwise."""
    _check_spelling("group", name, limits.GROUP_NAME_CHARS)
    if name in _RESERVED_GROUPS or name.upper().startswith("CID_RMQ_SYS_"):
        raise Rejected(f"Group name {name!r} is reserved; choose another.", ErrorCode.INVALID_NAME)
    return name


def check_instance(name: str) -> str:
    """Returns `name` if an instance may be so called: lower-case letters, digits and inner hyphens."""
    if not _INSTANCE.match(name) or len(name) > limits.INSTANCE_NAME_CHARS:
        raise Rejected(
            f"Instance names have 1 to {limits.INSTANCE_NAME_CHARS} lower-case letters, digits and hyphens.",
            ErrorCode.INVALID_NAME,
        )
    return name


def may_exist(*names: str) -> bool:
    """Returns False if something can have none of these names in any store: PostgreSQL knows no NUL."""
    return not any("\0" in name for name in names)


def retry_topic(group: str) -> str:
    """Returns the name of the topic that carries a group's retries."""
    return RETRY_PREFIX + group


def dead_letter_topic(group: str) -> str:
    """Returns the name of the topic that carries a group's dead letters."""
    return DEAD_LETTER_PREFIX + group


def _check_spelling(what: str, name: str, longest: int) -> None:
    if not _NAME.match(name) or len(name) > longest:
        raise Rejected(
            f"A {what} name has 1 to {longest} characters: letters, digits, '_', '-', '%' and '|'.",
            ErrorCode.INVALID_NAME,
        )
    if name.startswith((RETRY_PREFIX, DEAD_LETTER_PREFIX)):
        raise Rejected(
            f"A {what} name must not start with {RETRY_PREFIX} or {DEAD_LETTER_PREFIX}: those are made with a group.",
            ErrorCode.INVALID_NAME,
        )
