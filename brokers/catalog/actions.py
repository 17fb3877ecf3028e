"""Every change of instances, topics and groups.

Owns: what a name, a count or a limit may be, which rows belong together, and who may. Must not know: doors, pages.
Called by: api, console, bootstrap, demo; `engine.removal` for deletions, which looks first at what would be lost.

Each function checks permission itself, so that no door can forget it, and is one `changes.change`.
"""

from collections.abc import Collection, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from ..domain import limits, names
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, Rejected
from ..domain.quotas import Quota
from ..models import Group, Instance, Queue, Topic
from . import access, changes, editions, quotas


def create_instance(actor: Actor, *, name: str, remark: str = "") -> Instance:
    """Returns a new, empty instance. Raises Denied, Rejected INVALID_NAME, INVALID_REQUEST or ALREADY_EXISTS."""
    resource = access.resource(actor.account_id, name)
    access.check(actor, "mq:CreateInstance", resource)
    names.check_instance(name)
    _check_remark(remark)
    with changes.change("instances"):
        try:
            with transaction.atomic():
                made = Instance.objects.create(account_id=actor.account_id, name=name, remark=remark)
        except IntegrityError:
            raise _taken("instance", name) from None
        changes.record(actor, "mq:CreateInstance", resource)
    made.refresh_from_db(fields=["created_at"])
    return made


def update_instance(actor: Actor, instance: Instance, *, remark: str) -> Instance:
    """Returns the instance with another remark. Raises Denied, Rejected."""
    resource = access.resource(actor.account_id, instance.name)
    access.check(actor, "mq:UpdateInstance", resource)
    _check_remark(remark)
    with changes.change(f"instance:{instance.pk}"):
        before, instance.remark = instance.remark, remark
        instance.save(update_fields=["remark"])
        changes.record(actor, "mq:UpdateInstance", resource, before={"remark": before}, after={"remark": remark})
    return instance


def delete_instance(actor: Actor, instance: Instance) -> None:
    """Deletes an empty instance. Raises Denied, Rejected CONFLICT while it has topics or groups."""
    resource = access.resource(actor.account_id, instance.name)
    access.check(actor, "mq:DeleteInstance", resource)
    with changes.change("instances", f"instance:{instance.pk}"):
        Instance.objects.select_for_update().filter(pk=instance.pk).first()
        if instance.topics.exists() or instance.groups.exists():
            raise Rejected(
                f"Instance {instance.name!r} still has topics or groups; delete them first.", ErrorCode.CONFLICT
            )
        Instance.objects.filter(pk=instance.pk).delete()
        changes.record(actor, "mq:DeleteInstance", resource)


def create_topic(
    actor: Actor,
    instance: Instance,
    *,
    name: str,
    type: str = Topic.Type.NORMAL,
    queue_count: int = limits.QUEUE_COUNT_DEFAULT,
    remark: str = "",
) -> Topic:
    """Returns a new topic with its queues. Raises Denied, Rejected INVALID_NAME, INVALID_REQUEST, ALREADY_EXISTS."""
    resource = access.resource(actor.account_id, instance.name, name)
    access.check(actor, "mq:CreateTopic", resource)
    names.check_topic(name)
    _check_choice("type", type, Topic.Type.values)
    _check_range("queues", queue_count, low=1, high=limits.QUEUE_COUNT_MAX)
    _check_remark(remark)
    quotas.require_room(instance, Quota.TOPICS)
    with changes.change(f"instance:{instance.pk}"):
        made = _insert_topic(instance, name=name, type=type, queue_count=queue_count, remark=remark)
        changes.record(actor, "mq:CreateTopic", resource, type=type, queues=queue_count)
    made.refresh_from_db(fields=["created_at"])
    return made


def create_system_topic(actor: Actor, instance: Instance, name: str) -> Topic:
    """Returns a new topic clients expect; needs the right to send to it. Raises as `create_topic`."""
    resource = access.resource(actor.account_id, instance.name, name)
    access.check(actor, "mq:PUB", resource)
    if name not in names.SYSTEM_TOPICS:
        raise Rejected(f"{name!r} is no system topic.", ErrorCode.INVALID_NAME)
    with changes.change(f"instance:{instance.pk}"):
        made = _insert_topic(instance, name=name, kind=Topic.Kind.SYSTEM)
        changes.record(actor, "mq:CreateTopic", resource, kind=Topic.Kind.SYSTEM)
    return made


def update_topic(
    actor: Actor,
    topic: Topic,
    *,
    queue_count: int | None = None,
    remark: str | None = None,
    seen: Collection[str] | None = None,
) -> Topic:
    """Returns the topic with more queues or another remark; None leaves a field as it is.

    A topic's type never changes, and queues are only added: to take one away would lose its messages.
    `seen` are the editions that may be changed; None: whatever stands there.
    Raises: Denied; Rejected INVALID_REQUEST; Rejected CONFLICT for fewer queues or a group's own topic; Stale
    CHANGED_MEANWHILE when another edition stands there.
    """
    resource = access.resource(actor.account_id, topic.instance.name, topic.name)
    access.check(actor, "mq:UpdateTopic", resource)
    _require_user_topic(topic)
    if queue_count is not None:
        _check_range("queues", queue_count, low=1, high=limits.QUEUE_COUNT_MAX)
    if remark is not None:
        _check_remark(remark)
    with changes.change(f"topic:{topic.pk}", f"instance:{topic.instance_id}"):
        locked = Topic.objects.select_for_update(of=["self"]).select_related("instance").get(pk=topic.pk)
        editions.require(locked, seen)
        if queue_count is not None and queue_count < locked.queue_count:
            raise Rejected(
                f"Topic {topic.name!r} has {locked.queue_count} queues. Queues can be added, but not taken away:"
                " their messages would be lost.",
                ErrorCode.CONFLICT,
            )
        before = {"queues": locked.queue_count, "remark": locked.remark}
        if queue_count is not None:
            _insert_queues(locked, start=locked.queue_count, end=queue_count)
            locked.queue_count = queue_count
        if remark is not None:
            locked.remark = remark
        locked.save(update_fields=["queue_count", "remark", "updated_at"])
        after = {"queues": locked.queue_count, "remark": locked.remark}
        changes.record(actor, "mq:UpdateTopic", resource, **changes.difference(before, after))
    return locked


def delete_topic(actor: Actor, topic: Topic) -> None:
    """Deletes a topic with its messages, whatever still waits in it. Raises Denied, Rejected CONFLICT.

    People's deletions go through `engine.removal`, which refuses while something waits.
    """
    resource = access.resource(actor.account_id, topic.instance.name, topic.name)
    access.check(actor, "mq:DeleteTopic", resource)
    _require_user_topic(topic)
    with changes.change(f"topic:{topic.pk}", f"instance:{topic.instance_id}"):
        Topic.objects.filter(pk=topic.pk).delete()
        changes.record(actor, "mq:DeleteTopic", resource)


def create_group(
    actor: Actor,
    instance: Instance,
    *,
    name: str,
    order: str = Group.Order.CONCURRENT,
    max_attempts: int = limits.DEFAULT_MAX_ATTEMPTS,
    invisible_seconds: int = limits.DEFAULT_INVISIBLE_SECONDS,
    backoff_seconds: Sequence[int] = (),
    start_from: str = Group.StartFrom.EARLIEST,
    paused: bool = False,
    remoting_mode: str = Group.RemotingMode.PULL,
    remark: str = "",
) -> Group:
    """Returns a new group with its retry topic and its dead-letter topic, one queue each.

    `backoff_seconds` are the waits before attempts 2, 3, …; the last one repeats; empty means the default levels.
    Raises: Denied; Rejected INVALID_NAME, INVALID_REQUEST, ALREADY_EXISTS.
    """
    resource = access.resource(actor.account_id, instance.name, name)
    access.check(actor, "mq:CreateGroup", resource)
    names.check_group(name)
    _check_choice("order", order, Group.Order.values)
    _check_choice("start_from", start_from, Group.StartFrom.values)
    _check_choice("remoting_mode", remoting_mode, Group.RemotingMode.values)
    fields: dict[str, Any] = {  # Any: one value of each column's type
        "max_attempts": max_attempts,
        "invisible_seconds": invisible_seconds,
        "backoff_seconds": list(backoff_seconds),
        "paused": paused,
        "remoting_mode": remoting_mode,
        "remark": remark,
    }
    _check_group_fields(fields)
    fields |= {"order": order, "start_from": start_from}
    quotas.require_room(instance, Quota.GROUPS)
    with changes.change(f"instance:{instance.pk}"):
        try:
            with transaction.atomic():
                made = Group.objects.create(instance=instance, name=name, **fields)
        except IntegrityError:
            raise _taken("group", name) from None
        _insert_topic(instance, name=names.retry_topic(name), kind=Topic.Kind.RETRY, group=made)
        _insert_topic(instance, name=names.dead_letter_topic(name), kind=Topic.Kind.DEAD_LETTER, group=made)
        changes.record(actor, "mq:CreateGroup", resource, **fields)
    made.refresh_from_db(fields=["created_at"])
    return made


def update_group(
    actor: Actor,
    group: Group,
    *,
    max_attempts: int | None = None,
    invisible_seconds: int | None = None,
    backoff_seconds: Sequence[int] | None = None,
    paused: bool | None = None,
    remoting_mode: str | None = None,
    remark: str | None = None,
    seen: Collection[str] | None = None,
) -> Group:
    """Returns the group with other settings; None leaves a field as it is.

    They apply to the next delivery: a message in flight keeps its lease, one that waits keeps its time. `order` never
    changes, because a queue half settled in one way cannot be read in the other, and `start_from` is used up by the
    first receive of each topic. `seen` are the editions that may be changed; None: whatever stands there.
    Raises: Denied; Rejected INVALID_REQUEST; Stale CHANGED_MEANWHILE when another edition stands there.
    """
    resource = access.resource(actor.account_id, group.instance.name, group.name)
    access.check(actor, "mq:UpdateGroup", resource)
    asked = {
        "max_attempts": max_attempts,
        "invisible_seconds": invisible_seconds,
        "backoff_seconds": None if backoff_seconds is None else list(backoff_seconds),
        "paused": paused,
        "remoting_mode": remoting_mode,
        "remark": remark,
    }
    if remoting_mode is not None:
        _check_choice("remoting_mode", remoting_mode, Group.RemotingMode.values)
    fields: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}  # Any: as above
    _check_group_fields(fields)
    with changes.change(f"group:{group.pk}", f"instance:{group.instance_id}"):
        locked = Group.objects.select_for_update(of=["self"]).select_related("instance").get(pk=group.pk)
        editions.require(locked, seen)
        before = {name: getattr(locked, name) for name in fields}
        for name, value in fields.items():
            setattr(locked, name, value)
        locked.save(update_fields=[*fields, "updated_at"])
        changes.record(actor, "mq:UpdateGroup", resource, **changes.difference(before, fields))
    return locked


def delete_group(actor: Actor, group: Group) -> None:
    """Deletes a group with its offsets, retries, dead letters and derived topics, whatever still waits. Raises Denied.

    People's deletions go through `engine.removal`, which refuses while something waits.
    """
    resource = access.resource(actor.account_id, group.instance.name, group.name)
    access.check(actor, "mq:DeleteGroup", resource)
    with changes.change(f"group:{group.pk}", f"instance:{group.instance_id}"):
        Group.objects.filter(pk=group.pk).delete()
        changes.record(actor, "mq:DeleteGroup", resource)


def _insert_topic(instance: Instance, *, name: str, queue_count: int = 1, **fields: Any) -> Topic:  # Any: columns
    try:
        with transaction.atomic():
            made = Topic.objects.create(instance=instance, name=name, queue_count=queue_count, **fields)
    except IntegrityError:
        raise _taken("topic", name) from None
    _insert_queues(made, start=0, end=queue_count)
    return made


def _insert_queues(topic: Topic, *, start: int, end: int) -> None:
    Queue.objects.bulk_create(Queue(topic=topic, number=number) for number in range(start, end))


def _require_user_topic(topic: Topic) -> None:
    if topic.kind == Topic.Kind.SYSTEM:
        raise Rejected(f"Topic {topic.name!r} belongs to the server; it is not changed or deleted.", ErrorCode.CONFLICT)
    if topic.kind != Topic.Kind.USER:
        raise Rejected(
            f"Topic {topic.name!r} belongs to its group; it is made, changed and deleted with the group.",
            ErrorCode.CONFLICT,
        )


def _check_group_fields(fields: dict[str, Any]) -> None:  # Any: as `create_group`
    if "max_attempts" in fields:
        _check_range("max_attempts", fields["max_attempts"], low=1, high=limits.MAX_ATTEMPTS)
    if "invisible_seconds" in fields:
        _check_range(
            "invisible_seconds",
            fields["invisible_seconds"],
            low=limits.INVISIBLE_MIN_SECONDS,
            high=limits.INVISIBLE_MAX_SECONDS,
        )
    steps = fields.get("backoff_seconds", [])
    if len(steps) > limits.BACKOFF_STEP_COUNT:
        raise Rejected(f"backoff_seconds has at most {limits.BACKOFF_STEP_COUNT} steps.")
    for step in steps:
        _check_range("each step of backoff_seconds", step, low=0, high=limits.BACKOFF_MAX_SECONDS)
    _check_remark(fields.get("remark", ""))


def _check_range(what: str, value: int, *, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Rejected(f"{what} must be a whole number from {low} to {high}.")


def _check_choice(what: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise Rejected(f"{what} must be one of {', '.join(choices)}.")


def _check_remark(remark: str) -> None:
    if len(remark) > limits.REMARK_CHARS or "\0" in remark:
        raise Rejected(f"A remark has at most {limits.REMARK_CHARS} characters, and no NUL.")


def _taken(what: str, name: str) -> Rejected:
    return Rejected(f"The {what} name {name!r} is taken; choose another.", ErrorCode.ALREADY_EXISTS)
