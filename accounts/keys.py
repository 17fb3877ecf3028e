"""AccessKeys: made, switched, deleted. Their secret leaves this room once, when it is made.

Owns: the rows and the version that tells every process to drop what it cached. Must not know: who may change a key.
Called by: console and api for the signed-in user, bootstrap. Look-ups by the doors are in `key_cache`.
"""

import secrets
import string
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import F

from . import audit, clock, key_cache, limits, vault
from .errors import NotFound, Rejected
from .models import AccessKey, AccessVersion, User

_ALPHABET = string.ascii_uppercase + string.digits
_SECRET_BYTES = 32

KeyEntry = key_cache.KeyEntry
lookup = key_cache.lookup


def create(user: User, *, remark: str = "", actor: str = "", source_ip: str = "") -> tuple[AccessKey, str]:
    """Returns a new key and its secret, which nobody can read again.

    Raises: Rejected CONFLICT when the user has two already.
    Effects: one transaction with its audit row; locks the user's row.
    """
    if len(remark) > limits.KEY_REMARK_CHARS:
        raise Rejected(f"A remark has at most {limits.KEY_REMARK_CHARS} characters.")
    key_id = "MQ" + "".join(secrets.choice(_ALPHABET) for _ in range(18))
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    nonce, ciphertext = vault.seal(secret, account_id=user.account_id, key_id=key_id)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        if AccessKey.objects.filter(user=user).count() >= limits.KEYS_PER_USER:
            raise Rejected(
                f"A user has at most {limits.KEYS_PER_USER} access keys. Delete one that is no longer used first.",
                "CONFLICT",
            )
        key = AccessKey.objects.create(
            user=user, key_id=key_id, secret_nonce=nonce, secret_ciphertext=ciphertext, remark=remark
        )
        key.refresh_from_db(fields=["created_at"])
        _changed(user, "ram:CreateAccessKey", key_id=key_id, actor=actor, source_ip=source_ip)
    return key, secret


def of_user(user: User) -> Sequence[AccessKey]:
    """Returns the user's keys, oldest first; at most two."""
    return list(AccessKey.objects.filter(user=user).order_by("pk"))


def get(user: User, key_id: str) -> AccessKey:
    """Returns one key of the user. Raises NotFound, also for another user's key."""
    key = AccessKey.objects.filter(user=user, key_id=key_id).first()
    if key is None:
        raise NotFound(f"You have no access key {key_id!r}.")
    return key


def change(
    user: User,
    key_id: str,
    *,
    enabled: bool | None = None,
    remark: str | None = None,
    actor: str = "",
    source_ip: str = "",
) -> AccessKey:
    """Returns the key after switching it on or off, or after noting a remark. None leaves a field as it is.

    Raises: NotFound; Rejected for a long remark.
    Effects: one transaction with its audit row. Every process refuses a disabled key within two seconds.
    """
    if remark is not None and len(remark) > limits.KEY_REMARK_CHARS:
        raise Rejected(f"A remark has at most {limits.KEY_REMARK_CHARS} characters.")
    with transaction.atomic():
        get(user, key_id)
        key = AccessKey.objects.select_for_update().get(user=user, key_id=key_id)
        before = {"enabled": key.enabled, "remark": key.remark}
        if enabled is not None:
            key.enabled = enabled
        if enabled and key.ends_at is not None and key.ends_at <= clock.now():
            raise Rejected(
                "Another key took its place and its time is over; it cannot be switched on again.", "CONFLICT"
            )
        if remark is not None:
            key.remark = remark
        names = [name for name, value in before.items() if getattr(key, name) != value]
        if names:
            key.save(update_fields=names)
            detail: dict[str, object] = {
                "before": {name: before[name] for name in names},
                "after": {name: getattr(key, name) for name in names},
            }
            _changed(user, "ram:UpdateAccessKey", key_id=key_id, actor=actor, source_ip=source_ip, detail=detail)
    return key


def rotate(
    user: User, key_id: str, *, overlap_seconds: int, actor: str = "", source_ip: str = ""
) -> tuple[AccessKey, str]:
    """Returns a new key that takes the place of another, and its secret; the old one is refused after the overlap.

    Raises: NotFound; Rejected, CONFLICT when the user has two keys already or the old one is not good any more.
    Effects: as `create` and `change`, in one transaction.
    """
    if not 0 <= overlap_seconds <= limits.KEY_OVERLAP_SECONDS:
        raise Rejected(f"The overlap is 0 to {limits.KEY_OVERLAP_SECONDS} seconds.")
    with transaction.atomic():
        old = get(user, key_id)
        if not old.enabled or (old.ends_at is not None and old.ends_at <= clock.now()):
            raise Rejected(f"The key {key_id!r} is not in use any more; make a new one.", "CONFLICT")
        made, secret = create(user, remark=old.remark, actor=actor, source_ip=source_ip)
        ends_at = clock.now() + timedelta(seconds=overlap_seconds)
        AccessKey.objects.filter(pk=old.pk).update(ends_at=ends_at)
        detail: dict[str, object] = {"replaced_by": made.key_id, "ends_at": ends_at.isoformat()}
        _changed(user, "ram:UpdateAccessKey", key_id=key_id, actor=actor, source_ip=source_ip, detail=detail)
    return made, secret


def delete(user: User, key_id: str, *, actor: str = "", source_ip: str = "") -> None:
    """Deletes the key for good. Raises NotFound. Effects: as `change`."""
    with transaction.atomic():
        if not AccessKey.objects.filter(user=user, key_id=key_id).delete()[0]:
            raise NotFound(f"You have no access key {key_id!r}.")
        _changed(user, "ram:DeleteAccessKey", key_id=key_id, actor=actor, source_ip=source_ip)


def raise_version() -> None:
    """Tells every process, within two seconds of the commit, to read its keys again.

    Effects: belongs into the transaction of any change to a key or to a user; locks one row until its end.
    """
    if not AccessVersion.objects.update(number=F("number") + 1):
        AccessVersion.objects.create(number=1)
    transaction.on_commit(key_cache.expire)


def _changed(
    user: User,
    action: str,
    *,
    key_id: str,
    actor: str,
    source_ip: str,
    detail: dict[str, object] | None = None,
) -> None:
    audit.record(
        user.account_id,
        actor or user.login,
        action,
        resource=f"acs:ram:*:{user.account_id}:user/{user.name}/{key_id}",
        source_ip=source_ip,
        detail=detail,
    )
    raise_version()
