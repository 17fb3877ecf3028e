"""Who sends a remoting request.

Owns: turning a signature, or the permission to do without one, into an actor. Must not know: requests.
Called by: doors.remoting.connection.
"""

from functools import lru_cache

from django.conf import settings

from accounts import people, remoting_signature
from accounts.errors import Unauthenticated
from accounts.key_cache import KeyEntry

from ...dispatch import bridge
from ...domain.actor import Actor
from ...protocols.remoting.frames import Command

# Accounts keep their names and numbers for good.
_anonymous_accounts: dict[str, int] = {}


async def prove(request: Command, ip: str) -> Actor:
    """Returns the sender. Raises what `accounts.remoting_signature` raises, and Unauthenticated without a signature."""
    actor = prove_now(request, ip)
    if actor is not None:
        return actor
    if remoting_signature.KEY_FIELD not in request.fields:
        return await _anonymous(ip)
    return _holder(await bridge.run(remoting_signature.verify, request.fields, request.body, ip), ip)


def prove_now(request: Command, ip: str) -> Actor | None:
    """As `prove` if that would not wait, else None."""
    if remoting_signature.KEY_FIELD not in request.fields:
        account_id = _anonymous_accounts.get(settings.REMOTING_ANONYMOUS)
        return None if account_id is None else _root_of(account_id, ip)
    if not remoting_signature.is_warm(request.fields):
        return None
    return _holder(remoting_signature.verify_warm(request.fields, request.body, ip), ip)


def _holder(entry: KeyEntry, ip: str) -> Actor:
    return Actor(
        account_id=entry.account_id,
        user_id=entry.user_id,
        name=entry.login,
        is_root=entry.is_root,
        source_ip=ip,
        access_key_id=entry.key_id,
    )


async def may_be_long(header: Command) -> bool:
    """Returns True if a frame of this header may be longer than strangers' frames: it names a key that is in use."""
    key_id = header.fields.get(remoting_signature.KEY_FIELD)
    if key_id is None:
        return bool(settings.REMOTING_ANONYMOUS)
    return await bridge.run(remoting_signature.is_known, key_id)


async def _anonymous(ip: str) -> Actor:
    name = settings.REMOTING_ANONYMOUS
    if not name:
        raise Unauthenticated("Sign the request: give the client an access key and its secret (AclClientRPCHook).")
    account_id = _anonymous_accounts.get(name)
    if account_id is None:
        account_id = await bridge.run(people.account_id, name)
        if account_id is None:
            raise Unauthenticated(f"MQ_REMOTING_ANONYMOUS names {name!r}: there is no such account.")
        _anonymous_accounts[name] = account_id
    return _root_of(account_id, ip)


@lru_cache(4096)
def _root_of(account_id: int, ip: str) -> Actor:
    return Actor(account_id=account_id, user_id=None, name="anonymous", is_root=True, source_ip=ip)
