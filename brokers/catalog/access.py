"""How an actor gets hold of an instance, topic, group or operation: by permission first, then by name.

Owns: the one place that decides whether somebody may, and that a row is of the actor's account.
Must not know: doors, or what the caller does with the row. Called by: console, api, doors; `actions` for `check`.

Permission is asked of the name before anybody looks whether it exists, and rows are looked up inside the actor's
account only: what belongs to others and what does not exist give one answer.
"""

from collections.abc import Callable

from accounts import permissions, uses
from accounts.policies.evaluation import Decision

from ..domain.actor import Actor
from ..domain.errors import Denied, ErrorCode, NotFound
from ..domain.names import may_exist
from ..models import Group, Instance, Operation, Topic


def check(actor: Actor, action: str, resource: str) -> None:
    """Raises Denied if `actor` may not do `action` (`mq:CreateTopic`) on `resource`.

    The root user of an account may do everything in it; anybody else what their policies say (docs/access.md).
    Effects: a denial is written to the audit trail, the same one at most once a minute.
    """
    decision = permissions.decide(actor, action, resource)
    if not decision.is_allowed:
        raise _denied(actor, decision, action=action, named=resource)
    uses.note(actor.user_id, decision, action)


def is_settled(actor: Actor, action: str, resource: str) -> bool:
    """Returns True if `check` would pass without asking the database. Never blocks: for an event loop's thread."""
    decision = permissions.peek(actor, action, resource)
    if decision is None or not decision.is_allowed:
        return False
    uses.note(actor.user_id, decision, action)
    return True


def may(actor: Actor, action: str, resource: str) -> bool:
    """Returns whether `check` would pass. For lists and buttons: a no is no attempt, and is not written down."""
    return permissions.decide(actor, action, resource).is_allowed


def is_denied(actor: Actor, action: str, resource: str) -> bool:
    """Returns True if a deny says so; False also when nothing allows it."""
    return permissions.decide(actor, action, resource).is_denied


def filter_of(actor: Actor, instance: str, action: str) -> Callable[[str], bool] | None:
    """Returns whether `actor` may do `action` on a name in the instance; None means on every name there is."""
    everything = resource(actor.account_id, instance, "*")
    if actor.is_root or (may(actor, action, everything) and not permissions.has_deny(actor)):
        return None
    return lambda name: may(actor, action, resource(actor.account_id, instance, name))


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
    """Returns the operation with its group and instance. Raises Denied, NotFound.

    The right may be on the operation's group or on the instance; a deny on either wins. Whoever has neither is told the
    same of an operation that does not exist.
    """
    scope = resource(actor.account_id, instance_name)
    found = None
    if may_exist(instance_name):
        rows = Operation.objects.select_related("instance", "group")
        found = rows.filter(instance__account_id=actor.account_id, instance__name=instance_name, pk=number).first()
    if found is None:
        check(actor, action, scope)
        _require_instance(actor, instance_name)
        raise NotFound(f"There is no operation {number} in instance {instance_name!r}.", ErrorCode.OPERATION_NOT_FOUND)
    check_on_group(actor, action, instance=instance_name, group=found.group.name)
    return found


def check_on_group(actor: Actor, action: str, *, instance: str, group: str) -> None:
    """Raises Denied unless the right is there, on the group or on its whole instance, and no deny is."""
    if not may_on_group(actor, action, instance=instance, group=group):
        scope = resource(actor.account_id, instance)
        on_group = permissions.decide(actor, action, resource(actor.account_id, instance, group))
        on_instance = permissions.decide(actor, action, scope)
        decided = on_instance if on_instance.is_denied else on_group
        raise _denied(actor, decided, action=action, named=scope)


def may_on_group(actor: Actor, action: str, *, instance: str, group: str) -> bool:
    """Returns whether the right is there, on the group or on its whole instance, and no deny is."""
    on_group = permissions.decide(actor, action, resource(actor.account_id, instance, group))
    on_instance = permissions.decide(actor, action, resource(actor.account_id, instance))
    if on_group.is_denied or on_instance.is_denied:
        return False
    return on_group.is_allowed or on_instance.is_allowed


def _denied(actor: Actor, decision: Decision, *, action: str, named: str) -> Denied:
    told = permissions.denial(actor, decision, action=action, resource=named)
    return Denied(told.detail, **told.extra)


def _require_instance(actor: Actor, name: str) -> None:
    if not (may_exist(name) and Instance.objects.filter(account_id=actor.account_id, name=name).exists()):
        raise _no_instance(name)


def _no_instance(name: str) -> NotFound:
    return NotFound(f"There is no instance {name!r} in your account.", ErrorCode.INSTANCE_NOT_FOUND)
