"""Values that clients keep with the server.

Owns: who may read and change them, their bounds. Must not know: what they mean. Called by: doors.remoting.admin.
They belong to the account; the right is that on its oldest instance.
"""

from django.db import transaction
from django.db.models import QuerySet

from ..domain import limits
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, NotFound, Rejected
from ..models import ClientSetting
from . import access, changes, snapshot


def get(actor: Actor, namespace: str, name: str) -> str:
    """Returns a value. Raises Denied, NotFound."""
    _check(actor, "mq:QueryInstanceBaseInfo")
    found = _rows(actor, namespace).filter(name=name).values_list("value", flat=True).first()
    if found is None:
        raise NotFound(f"There is no value {name!r} in {namespace!r}.")
    return found


def of_namespace(actor: Actor, namespace: str) -> dict[str, str]:
    """Returns the values of a name space by name. Raises Denied."""
    _check(actor, "mq:QueryInstanceBaseInfo")
    return dict(_rows(actor, namespace).order_by("name").values_list("name", "value"))


def put(actor: Actor, namespace: str, name: str, *, value: str) -> None:
    """Keeps a value. Raises Denied, Rejected. Effects: one transaction with its audit row."""
    resource = _check(actor, "mq:UpdateInstance")
    longest = limits.CLIENT_SETTING_NAME_CHARS
    if not all(0 < len(part) <= longest and part.isprintable() for part in (namespace, name)):
        raise Rejected(f"A name space and a name have 1 to {longest} printable characters.", ErrorCode.INVALID_NAME)
    if len(value) > limits.CLIENT_SETTING_VALUE_CHARS or "\0" in value:
        raise Rejected(f"A value has at most {limits.CLIENT_SETTING_VALUE_CHARS} characters, and no NUL.")
    with changes.transaction():
        others = ClientSetting.objects.filter(account_id=actor.account_id).exclude(namespace=namespace, name=name)
        if others.count() >= limits.CLIENT_SETTING_COUNT:
            raise Rejected(f"An account keeps at most {limits.CLIENT_SETTING_COUNT} values.", ErrorCode.CONFLICT)
        with transaction.atomic():
            ClientSetting.objects.update_or_create(
                account_id=actor.account_id, namespace=namespace, name=name, defaults={"value": value}
            )
        changes.record(actor, "mq:UpdateInstance", resource, namespace=namespace, name=name, value=value)


def delete(actor: Actor, namespace: str, name: str) -> bool:
    """Forgets a value and returns True; False when there was none. Raises Denied. Effects: as `put`."""
    resource = _check(actor, "mq:UpdateInstance")
    with changes.transaction():
        count, _ = _rows(actor, namespace).filter(name=name).delete()
        if count:
            changes.record(actor, "mq:UpdateInstance", resource, namespace=namespace, name=name)
    return bool(count)


def _rows(actor: Actor, namespace: str) -> QuerySet[ClientSetting]:
    return ClientSetting.objects.filter(account_id=actor.account_id, namespace=namespace)


def _check(actor: Actor, action: str) -> str:
    homes = snapshot.instances(actor.account_id)
    resource = access.resource(actor.account_id, homes[0] if homes else "*")
    access.check(actor, action, resource)
    return resource
