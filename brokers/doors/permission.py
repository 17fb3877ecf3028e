"""Whether the sender of a request may do it, without holding up the event loop.

Owns: the way around it: known policies are judged at once, everything else in a thread. Must not know: routes, answers.
Called by: every door (http, remoting).
"""

from collections.abc import Iterable

from accounts import key_cache
from accounts.errors import Unauthenticated

from ..catalog import access
from ..dispatch import bridge
from ..domain.actor import Actor


async def require(actor: Actor, action: str, name: str, *, instance: str) -> None:
    """Raises Denied if `actor` may not do `action` on a topic or group, before anybody looks whether it exists."""
    # The root user may do everything in its account, and the name is looked up in no other.
    if not is_given(actor, action, name, instance=instance):
        await bridge.run(access.check, actor, action, access.resource(actor.account_id, instance, name))


def is_given(actor: Actor, action: str, name: str, *, instance: str) -> bool:
    """Returns True if `require` would pass without asking the database. Never blocks."""
    return actor.is_root or access.is_settled(actor, action, access.resource(actor.account_id, instance, name))


async def require_still(actor: Actor, action: str, names: Iterable[str], *, instance: str) -> None:
    """Raises what a new request would: for an answer that was waited for while a right or a key may have gone."""
    if actor.access_key_id and not _is_good_key(actor.access_key_id):
        await bridge.run(_require_key, actor.access_key_id)
    for name in names:
        await require(actor, action, name, instance=instance)


def _is_good_key(key_id: str) -> bool:
    """Returns True if a request signed with the key now would be let in without asking the database. Never blocks."""
    entry = key_cache.peek(key_id) if key_cache.is_warm(key_id) else None
    return entry is not None and entry.enabled


def _require_key(key_id: str) -> None:
    entry = key_cache.lookup(key_id)
    if entry is None or not entry.enabled:
        raise Unauthenticated("This access key was disabled meanwhile.", "ACCESS_KEY_DISABLED")
