"""Messages as one person may see them: the search and the page of a message, less what their policies do not show.

Owns: which topics and groups of a result are left out. Must not know: how a policy is judged, pages.
Called by: console, api, in place of `browse` whenever somebody asks.

A message is seen through its topic (`mq:QueryMessage`); what a group did with it is shown to those who may see the
group. A message that may not be seen and one that does not exist give one answer.
"""

from dataclasses import asdict, replace

from ..catalog import access, changes
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, NotFound
from ..models import Group, Instance
from . import browse
from .browse import MessagePage, Page, Search

_ACTION = "mq:QueryMessage"


def search(actor: Actor, instance: Instance, query: Search, *, cursor: str | None = None, limit: int = 0) -> Page:
    """Returns a page of hits that `actor` may see; it may be short. `limit` 0 is the default of `browse.search`.

    Raises: Denied on the topic searched, without one on the instance; what `browse.search` raises.
    """
    access.check(actor, _ACTION, access.resource(actor.account_id, instance.name, query.topic or ""))
    found = browse.search(query, cursor=cursor, limit=limit) if limit else browse.search(query, cursor=cursor)
    shows_topic = access.filter_of(actor, instance.name, _ACTION)
    shows_group = access.filter_of(actor, instance.name, "mq:QueryGroup")
    if shows_topic is not None and query.topic is None:
        # The right on the instance shows every topic of it that no deny takes out.
        found = replace(found, items=tuple(hit for hit in found.items if not _is_denied(actor, instance, hit.topic)))
    if shows_group is not None:
        hidden = {hit.group for hit in found.items if hit.group is not None and not shows_group(hit.group)}
        items = (replace(hit, group=None) if hit.group in hidden else hit for hit in found.items)
        found = replace(found, items=tuple(items))
    if found.items:  # each shows how its body begins
        named = access.resource(actor.account_id, instance.name, query.topic or "*")
        asked = {name: str(value) for name, value in asdict(query).items() if value and name != "instance_id"}
        if "body" in asked:
            asked["body"] = "a text"  # it may be what the body must not be known for
        changes.record_read(actor, _ACTION, named, search=asked)
    return found


def message(actor: Actor, instance: Instance, message_id: str, *, topic: str | None = None) -> MessagePage:
    """Returns the page of a message as far as `actor` may see it. Raises NotFound MESSAGE_NOT_FOUND."""
    shows = access.filter_of(actor, instance.name, _ACTION)
    found = browse.message(instance, message_id, topic)
    if shows is not None:
        on_instance = access.may(actor, _ACTION, access.resource(actor.account_id, instance.name))
        seen = [name for name in found.topics if shows(name) or (on_instance and not _is_denied(actor, instance, name))]
        if not seen:
            raise NotFound(
                "There is no message with this id: it was never sent here, or it is older than what is kept.",
                ErrorCode.MESSAGE_NOT_FOUND,
            )
        if len(seen) < len(found.topics):
            found = browse.message(instance, message_id, seen[0])
    if found.body is not None:
        named = access.resource(actor.account_id, instance.name, found.topics[0] if found.topics else "*")
        changes.record_read(actor, _ACTION, named, message_id=message_id)
    return _less_groups(actor, instance, found)


def _is_denied(actor: Actor, instance: Instance, name: str) -> bool:
    return access.is_denied(actor, _ACTION, access.resource(actor.account_id, instance.name, name))


def _less_groups(actor: Actor, instance: Instance, found: MessagePage) -> MessagePage:
    shows = access.filter_of(actor, instance.name, "mq:QueryGroup")
    if shows is None:
        return found
    rows = Group.objects.filter(instance=instance, pk__in=_group_ids(found)).values_list("pk", "name")
    hidden = _group_ids(found) - {pk for pk, name in rows if shows(name)}
    return replace(
        found,
        copies=tuple(copy for copy in found.copies if copy.group_id not in hidden),
        waiting=tuple(one for one in found.waiting if one.group_id not in hidden),
        dead=tuple(one for one in found.dead if one.group_id not in hidden),
        attempts=tuple(one for one in found.attempts if one.group_id not in hidden),
        standings=tuple(one for one in found.standings if one.group_id not in hidden),
    )


def _group_ids(found: MessagePage) -> set[int]:
    sources = (found.copies, found.waiting, found.dead, found.attempts, found.standings)
    return {one.group_id for source in sources for one in source if one.group_id is not None}
