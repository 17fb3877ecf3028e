"""Which topic or group a client means, and making it when that is allowed.

Owns: namespaces and auto-creation. Must not know: wires beyond names. Called by: the handlers of this room.
A name `orders%paid` is topic `paid` of instance `orders` when the account has an instance so called (that is how the
clients' own namespaces arrive); any other name belongs to the account's oldest instance.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

from ...catalog import access, actions, snapshot
from ...catalog.snapshot import GroupEntry, TopicEntry
from ...dispatch import bridge
from ...domain import limits
from ...domain.actor import Actor
from ...domain.errors import BrokerError, ErrorCode, NotFound, Rejected
from ...domain.names import DEAD_LETTER_PREFIX, RETRY_PREFIX, SYSTEM_TOPICS
from .. import permission

TEMPLATE_TOPIC = "TBW102"
# The name under which mqadmin and dashboards look at messages; there is no such group, and nothing is kept of it.
LOOKER = "TOOLS_CONSUMER"
_AUTO_QUEUE_COUNT = 8
_creating = threading.Lock()


@dataclass(frozen=True, slots=True)
class Name:
    """A name taken apart: `prefix` is `instance%` when the client wrote one."""

    instance: str
    prefix: str
    bare: str


def wrap(prefix: str, name: str) -> str:
    """Returns a topic or group name as a client with this prefix knows it."""
    for derived in (RETRY_PREFIX, DEAD_LETTER_PREFIX):
        if name.startswith(derived):
            return derived + prefix + name.removeprefix(derived)
    return prefix + name


@lru_cache(4096)
def _split(name: str, instances: tuple[str, ...]) -> Name:
    derived = next((p for p in (RETRY_PREFIX, DEAD_LETTER_PREFIX) if name.startswith(p)), "")
    head, mark, tail = name.removeprefix(derived).partition("%")
    if mark and tail and head in instances:
        return Name(head, f"{head}%", derived + tail)
    return Name(instances[0], "", name)


async def parse(actor: Actor, name: str) -> Name:
    """Returns the parts of a name. Raises Rejected INVALID_NAME, NotFound when the account has no instance."""
    if not 0 < len(name) <= limits.DERIVED_TOPIC_NAME_CHARS or not name.isprintable():
        raise Rejected("A name is empty, too long or holds control characters.", ErrorCode.INVALID_NAME)
    instances = snapshot.cached_instances(actor.account_id)
    if instances is None:
        instances = await bridge.run(snapshot.instances, actor.account_id)
    if not instances:
        raise NotFound("The account has no instance yet; create one in the console.", ErrorCode.INSTANCE_NOT_FOUND)
    return _split(name, instances)


async def topic(actor: Actor, name: str, action: str) -> tuple[TopicEntry, Name]:
    """Returns a topic the actor may use in this way. Raises Denied, NotFound."""
    parsed = await parse(actor, name)
    if parsed.bare.startswith(RETRY_PREFIX) and action in ("mq:SUB", "mq:QueryTopic"):
        # Whoever may consume with a group receives its retries too.
        group_name = parsed.bare.removeprefix(RETRY_PREFIX)
        await permission.require(actor, "mq:SUB", group_name, instance=parsed.instance)
    else:
        await permission.require(actor, action, parsed.bare, instance=parsed.instance)
    found = snapshot.cached_topic(actor.account_id, parsed.instance, parsed.bare)
    if found is None and parsed.bare in SYSTEM_TOPICS:
        found = await bridge.run(_system_topic, actor, parsed)
    if found is None:
        found = await bridge.run(snapshot.topic, actor.account_id, parsed.instance, parsed.bare)
    return found, parsed


def topic_at_hand(actor: Actor, name: str, action: str) -> tuple[TopicEntry, Name] | None:
    """As `topic` if that would neither wait nor refuse, else None. Not for topics a group derives."""
    instances = snapshot.cached_instances(actor.account_id)
    if not instances:
        return None
    parsed = _split(name, instances)
    found = snapshot.cached_topic(actor.account_id, parsed.instance, parsed.bare)
    if found is None or not permission.is_given(actor, action, parsed.bare, instance=parsed.instance):
        return None
    return found, parsed


async def topic_or_new(actor: Actor, name: str, *, queue_count: int) -> tuple[TopicEntry, Name]:
    """Returns a topic to send to, made now if it is missing and may be. Raises Denied, NotFound, Rejected."""
    try:
        return await topic(actor, name, "mq:PUB")
    except NotFound as error:
        if error.code != ErrorCode.TOPIC_NOT_FOUND or not settings.REMOTING_AUTO_CREATE:
            raise
    parsed = await parse(actor, name)
    await bridge.run(_create_topic, actor, parsed, max(1, min(queue_count, _AUTO_QUEUE_COUNT)))
    return await topic(actor, name, "mq:PUB")


async def group(actor: Actor, name: str, action: str = "mq:SUB") -> tuple[GroupEntry, Name]:
    """Returns a group the actor may use in this way: consume with, unless `action` says otherwise.

    Raises: Denied, NotFound.
    """
    parsed = await parse(actor, name)
    await permission.require(actor, action, parsed.bare, instance=parsed.instance)
    found = snapshot.cached_group(actor.account_id, parsed.instance, parsed.bare)
    if found is None:
        found = await bridge.run(snapshot.group, actor.account_id, parsed.instance, parsed.bare)
    return found, parsed


def looker(topic: TopicEntry) -> GroupEntry:
    """Returns what stands for a group when somebody only looks: it has no cursor and no retries of its own."""
    return GroupEntry(
        id=0,
        instance_id=topic.instance_id,
        account_id=topic.account_id,
        instance=topic.instance,
        name=LOOKER,
        order="CONCURRENT",
        max_attempts=1,
        invisible_seconds=limits.DEFAULT_INVISIBLE_SECONDS,
        backoff_seconds=(),
        start_from="EARLIEST",
        paused=False,
        retry_topic=topic,
        dead_letter_topic=topic,
        remoting_mode="PULL",
    )


async def group_or_new(actor: Actor, name: str) -> tuple[GroupEntry, Name]:
    """Returns a group to consume with, made now if it is missing and may be. Raises Denied, NotFound, Rejected."""
    try:
        return await group(actor, name)
    except NotFound as error:
        if error.code != ErrorCode.GROUP_NOT_FOUND or not settings.REMOTING_AUTO_CREATE:
            raise
    parsed = await parse(actor, name)
    await bridge.run(_create_group, actor, parsed)
    return await group(actor, name)


def _create_topic(actor: Actor, name: Name, queue_count: int) -> None:
    instance = access.instance(actor, name.instance)
    _unless_there(
        lambda: snapshot.topic(actor.account_id, name.instance, name.bare),
        lambda: actions.create_topic(actor, instance, name=name.bare, queue_count=queue_count),
    )


def _system_topic(actor: Actor, name: Name) -> TopicEntry:
    def make() -> None:
        actions.create_system_topic(actor, access.instance(actor, name.instance), name.bare)

    _unless_there(lambda: snapshot.topic(actor.account_id, name.instance, name.bare), make)
    return snapshot.topic(actor.account_id, name.instance, name.bare)


def _create_group(actor: Actor, name: Name) -> None:
    instance = access.instance(actor, name.instance)
    # RocketMQ counts repetitions, and allows 16 of them; we count deliveries.
    attempts = limits.DEFAULT_MAX_ATTEMPTS + 1
    _unless_there(
        lambda: snapshot.group(actor.account_id, name.instance, name.bare),
        lambda: actions.create_group(actor, instance, name=name.bare, max_attempts=attempts),
    )


def _unless_there(look: Callable[[], object], create: Callable[[], object]) -> None:
    # A client's requests come side by side: the first one makes what the others find. Runs on threads.
    with _creating:
        try:
            look()
        except NotFound:
            try:
                create()
            except BrokerError as error:
                if error.code != ErrorCode.ALREADY_EXISTS:  # another process was faster
                    raise
