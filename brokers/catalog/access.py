"""How an actor gets hold of an instance, topic, group or operation: by permission first, then by name.

Owns: the one place that decides whether somebody may, and that a row is of the actor's account.
Must not know: doors, or what the caller does with the row. Called by: console, api, doors; `actions` for `check`.

Permission is asked of the name before anybody looks whether it exists, and rows are looked up inside the actor's
account only: what belongs to others and what does not exist give one answer.
"""

from ..domain.actor import Actor
from ..domain.errors import Denied, ErrorCode, NotFound
from ..domain.names import may_exist
from ..models import Group, Instance, Operation, Topic


def check(actor: Actor, action: str, resource: str) -> None:
    """Raises Denied if `actor` may not do `action` (`mq:CreateTopic`) on `resource`.

    The root user of an account may do everything in it; nobody else may do anything yet.
    """
    if actor.is_root and resource.startswith(f"acs:mq:*:{actor.account_id}:"):
        return
    raise Denied(
        f"You are not allowed to do {action} on {resource}. Ask the owner of the account.",
        action=action,
        resource=resource,
        reason="no policy allows it",
    )


def resource(account_id: int, instance: str, name: str = "") -> str:
    """Returns how policies and the audit trail name an instance, or a topic or group in it."""
    scope = f"acs:mq:*:{account_id}:{instance}"
    return f"{scope}%{name}" if name else scope


def instance(actor: Actor, name: str, action: str = "mq:QueryInstanceBaseInfo") -> Instance:
    """Returns the instance. Raises Denied, NotFound INSTANCE_NOT_FOUND."""
    check(actor, action, resource(actor.account_id, name))
    found = Instance.objects.filter(account_id=actor.account_id, name=name).first() if may_exist(name) else None
    if found is None:
        raise _no_instance(name)
    return found


def topic(actor: Actor, instance_name: str, name: str, *, action: str = "mq:QueryTopic") -> Topic:
    """Returns the topic with its instance. Raises Denied, NotFound INSTANCE_NOT_FOUND or TOPIC_NOT_FOUND."""
    check(actor, action, resource(actor.account_id, instance_name, name))
    found = None
    if may_exist(instance_name, name):
        rows = Topic.objects.select_related("instance", "group")
        found = rows.filter(instance__account_id=actor.account_id, instance__name=instance_name, name=name).first()
    if found is None:
        _require_instance(actor, instance_name)
        raise NotFound(
            f"There is no topic {name!r} in instance {instance_name!r}. Check the spelling, or create it first.",
            ErrorCode.TOPIC_NOT_FOUND,
        )
    return found


def group(actor: Actor, instance_name: str, name: str, *, action: str = "mq:QueryGroup") -> Group:
    """Returns the group with its instance. Raises Denied, NotFound INSTANCE_NOT_FOUND or GROUP_NOT_FOUND."""
    check(actor, action, resource(actor.account_id, instance_name, name))
    found = None
    if may_exist(instance_name, name):
        rows = Group.objects.select_related("instance")
        found = rows.filter(instance__account_id=actor.account_id, instance__name=instance_name, name=name).first()
    if found is None:
        _require_instance(actor, instance_name)
        raise NotFound(
            f"There is no group {name!r} in instance {instance_name!r}. Check the spelling, or create it first.",
            ErrorCode.GROUP_NOT_FOUND,
        )
    return found


def operation(actor: Actor, instance_name: str, number: int, *, action: str = "mq:QueryOperation") -> Operation:
    """Returns the operation with its group and instance. Raises Denied, NotFound."""
    check(actor, action, resource(actor.account_id, instance_name))
    found = None
    if may_exist(instance_name):
        rows = Operation.objects.select_related("instance", "group")
        found = rows.filter(instance__account_id=actor.account_id, instance__name=instance_name, pk=number).first()
    if found is None:
        _require_instance(actor, instance_name)
        raise NotFound(f"There is no operation {number} in instance {instance_name!r}.", ErrorCode.OPERATION_NOT_FOUND)
    return found


def _require_instance(actor: Actor, name: str) -> None:
    if not (may_exist(name) and Instance.objects.filter(account_id=actor.account_id, name=name).exists()):
        raise _no_instance(name)


def _no_instance(name: str) -> NotFound:
    return NotFound(f"There is no instance {name!r} in your account.", ErrorCode.INSTANCE_NOT_FOUND)
