"""Pages of topics, groups, instances and operations.

Owns: which rows a list shows to whom, in which order, a page at a time. Must not know: lag or counts of messages (that
is the engine's). Called by: api, console, with an instance they got through `access`.

Pages go by key, never by number of rows skipped: a list of any length costs one indexed query a page. For somebody who
may not see every row it is a bounded number: what may not be seen is left out, and a page may then be short.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

from ..domain import limits
from ..domain.actor import Actor
from ..domain.errors import Rejected
from ..models import Group, Instance, Operation, ProducerGroup, Topic
from . import access

_FILTERED_ROUND_ROWS = 500
_FILTERED_ROUND_COUNT = 8

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows of a list; `next` is the cursor of the following page, None at the end."""

    items: list[Row]
    next: str | None


def instances(actor: Actor, *, cursor: str = "", limit: int = limits.PAGE_DEFAULT) -> Page[Instance]:
    """Returns the instances of the account that `actor` may see, by name."""
    shows = None
    if not actor.is_root:
        shows = partial(_may_see_instance, actor)
    return _by_name(Instance.objects.filter(account_id=actor.account_id), cursor=cursor, limit=limit, shows=shows)


def topics(
    actor: Actor,
    instance: Instance,
    *,
    search: str = "",
    kind: str = Topic.Kind.USER,
    type: str = "",
    cursor: str = "",
    limit: int = limits.PAGE_DEFAULT,
) -> Page[Topic]:
    """Returns the topics `actor` may see by name: those people made, unless `kind` says otherwise.

    `search` is part of the name.
    """
    if kind not in Topic.Kind.values:
        raise Rejected(f"kind must be one of {', '.join(Topic.Kind.values)}.")
    rows = Topic.objects.filter(instance=instance, kind=kind).select_related("group")
    if type:
        if type not in Topic.Type.values:
            raise Rejected(f"type must be one of {', '.join(Topic.Type.values)}.")
        rows = rows.filter(type=type)
    shows = _named(access.filter_of(actor, instance.name, "mq:QueryTopic"))
    return _by_name(_named_like(rows, search), cursor=cursor, limit=limit, shows=shows)


def groups(
    actor: Actor,
    instance: Instance,
    *,
    search: str = "",
    cursor: str = "",
    limit: int = limits.PAGE_DEFAULT,
    action: str = "mq:QueryGroup",
) -> Page[Group]:
    """Returns the groups on which `actor` may do `action`, by name. `search` is part of the name."""
    shows = _named(access.filter_of(actor, instance.name, action))
    rows = _named_like(Group.objects.filter(instance=instance), search)
    return _by_name(rows, cursor=cursor, limit=limit, shows=shows)


def producer_groups(
    actor: Actor, instance: Instance, *, cursor: str = "", limit: int = limits.PAGE_DEFAULT
) -> Page[ProducerGroup]:
    """Returns the producer groups `actor` may see, by name."""
    shows = _named(access.filter_of(actor, instance.name, "mq:QueryProducerGroup"))
    return _by_name(ProducerGroup.objects.filter(instance=instance), cursor=cursor, limit=limit, shows=shows)


def operations(
    actor: Actor,
    instance: Instance,
    *,
    group: Group | None = None,
    state: str = "",
    cursor: str = "",
    limit: int = limits.PAGE_DEFAULT,
) -> Page[Operation]:
    """Returns the operations `actor` may see, newest first. `cursor` is the number of the last one seen."""
    rows = Operation.objects.filter(instance=instance).select_related("group").order_by("-pk")
    if group is not None:
        rows = rows.filter(group=group)
    if state:
        rows = rows.filter(state=state)
    if cursor:
        if not cursor.isascii() or not cursor.isdigit() or int(cursor) > limits.INT64_MAX:
            raise _bad_cursor()
        rows = rows.filter(pk__lt=int(cursor))
    shows = None
    if access.filter_of(actor, instance.name, "mq:QueryOperation") is not None:
        shows = partial(_may_see_operation, actor, instance.name)
    return _page(
        rows, limit=limit, key=lambda row: str(row.pk), after=lambda rows, pk: rows.filter(pk__lt=int(pk)), shows=shows
    )


def _named(shows: Callable[[str], bool] | None) -> Callable[[Model], bool] | None:
    return None if shows is None else lambda row: shows(_name_of(row))


def _may_see_instance(actor: Actor, row: Instance) -> bool:
    return access.may(actor, "mq:QueryInstanceBaseInfo", access.resource(actor.account_id, row.name))


def _may_see_operation(actor: Actor, instance: str, row: Operation) -> bool:
    return access.may_on_group(actor, "mq:QueryOperation", instance=instance, group=row.group.name)


def _named_like(rows: QuerySet[Row], search: str) -> QuerySet[Row]:
    if len(search) > limits.DERIVED_TOPIC_NAME_CHARS or "\0" in search:
        raise Rejected(f"A search has at most {limits.DERIVED_TOPIC_NAME_CHARS} characters, and no NUL.")
    return rows.filter(name__icontains=search) if search else rows


def _by_name(rows: QuerySet[Row], *, cursor: str, limit: int, shows: Callable[[Row], bool] | None) -> Page[Row]:
    if cursor:
        if len(cursor) > limits.DERIVED_TOPIC_NAME_CHARS or "\0" in cursor:
            raise _bad_cursor()
        rows = rows.filter(name__gt=cursor)
    return _page(
        rows.order_by("name"),
        limit=limit,
        key=_name_of,
        after=lambda rows, name: rows.filter(name__gt=name),
        shows=shows,
    )


def _name_of(row: Model) -> str:
    return str(getattr(row, "name"))  # noqa: B009 # the bound of Row has no name; each model listed here has


def _page(
    rows: QuerySet[Row],
    *,
    limit: int,
    key: Callable[[Row], str],
    after: Callable[[QuerySet[Row], str], QuerySet[Row]],
    shows: Callable[[Row], bool] | None,
) -> Page[Row]:
    if not 1 <= limit <= limits.PAGE_MAX:
        raise Rejected(f"limit must be a whole number from 1 to {limits.PAGE_MAX}.")
    if shows is None:
        found = list(rows[: limit + 1])
        items = found[:limit]
        return Page(items, key(items[-1]) if len(found) > limit else None)
    items, rest = [], rows
    for _ in range(_FILTERED_ROUND_COUNT):
        looked = list(rest[:_FILTERED_ROUND_ROWS])
        for row in looked:
            if not shows(row):
                continue
            if len(items) == limit:
                return Page(items, key(items[-1]))
            items.append(row)
        if len(looked) < _FILTERED_ROUND_ROWS:
            return Page(items, None)
        rest = after(rows, key(looked[-1]))
    # More rows than one page may look at: it goes on behind the last one looked at, which need not be shown.
    return Page(items, key(looked[-1]))


def _bad_cursor() -> Rejected:
    return Rejected("This is not a cursor of this list. Use the value of `next` exactly as it was given.")
