"""Pages of topics, groups, instances and operations.

Owns: which rows a list shows, in which order, a page at a time. Must not know: permission (the caller got the instance
through `access`), lag or counts of messages (that is the engine's). Called by: api, console.

Pages go by key, never by number of rows skipped: a list of any length costs one indexed query a page.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

from ..domain import limits
from ..domain.actor import Actor
from ..domain.errors import Rejected
from ..models import Group, Instance, Operation, Topic

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows of a list; `next` is the cursor of the following page, None at the end."""

    items: list[Row]
    next: str | None


def instances(actor: Actor, *, cursor: str = "", limit: int = limits.PAGE_DEFAULT) -> Page[Instance]:
    """Returns the account's instances by name."""
    return _by_name(Instance.objects.filter(account_id=actor.account_id), cursor=cursor, limit=limit)


def topics(
    instance: Instance,
    *,
    search: str = "",
    kind: str = Topic.Kind.USER,
    type: str = "",
    cursor: str = "",
    limit: int = limits.PAGE_DEFAULT,
) -> Page[Topic]:
    """Returns topics by name: those people made, unless `kind` says otherwise. `search` is part of the name."""
    if kind not in Topic.Kind.values:
        raise Rejected(f"kind must be one of {', '.join(Topic.Kind.values)}.")
    rows = Topic.objects.filter(instance=instance, kind=kind).select_related("group")
    if type:
        if type not in Topic.Type.values:
            raise Rejected(f"type must be one of {', '.join(Topic.Type.values)}.")
        rows = rows.filter(type=type)
    return _by_name(_named_like(rows, search), cursor=cursor, limit=limit)


def groups(instance: Instance, *, search: str = "", cursor: str = "", limit: int = limits.PAGE_DEFAULT) -> Page[Group]:
    """Returns groups by name. `search` is part of the name."""
    return _by_name(_named_like(Group.objects.filter(instance=instance), search), cursor=cursor, limit=limit)


def operations(
    instance: Instance,
    *,
    group: Group | None = None,
    state: str = "",
    cursor: str = "",
    limit: int = limits.PAGE_DEFAULT,
) -> Page[Operation]:
    """Returns operations, newest first. `cursor` is the number of the last one seen."""
    rows = Operation.objects.filter(instance=instance).select_related("group").order_by("-pk")
    if group is not None:
        rows = rows.filter(group=group)
    if state:
        rows = rows.filter(state=state)
    if cursor:
        if not cursor.isascii() or not cursor.isdigit() or int(cursor) > limits.INT64_MAX:
            raise _bad_cursor()
        rows = rows.filter(pk__lt=int(cursor))
    return _page(rows, limit=limit, key=lambda row: str(row.pk))


def _named_like(rows: QuerySet[Row], search: str) -> QuerySet[Row]:
    if len(search) > limits.DERIVED_TOPIC_NAME_CHARS or "\0" in search:
        raise Rejected(f"A search has at most {limits.DERIVED_TOPIC_NAME_CHARS} characters, and no NUL.")
    return rows.filter(name__icontains=search) if search else rows


def _by_name(rows: QuerySet[Row], *, cursor: str, limit: int) -> Page[Row]:
    if cursor:
        if len(cursor) > limits.DERIVED_TOPIC_NAME_CHARS or "\0" in cursor:
            raise _bad_cursor()
        rows = rows.filter(name__gt=cursor)
    return _page(rows.order_by("name"), limit=limit, key=_name_of)


def _name_of(row: Model) -> str:
    return str(getattr(row, "name"))  # noqa: B009 # the bound of Row has no name; each model listed here has


def _page(rows: QuerySet[Row], *, limit: int, key: Callable[[Row], str]) -> Page[Row]:
    if not 1 <= limit <= limits.PAGE_MAX:
        raise Rejected(f"limit must be a whole number from 1 to {limits.PAGE_MAX}.")
    found = list(rows[: limit + 1])
    items = found[:limit]
    return Page(items, key(items[-1]) if len(found) > limit else None)


def _bad_cursor() -> Rejected:
    return Rejected("This is not a cursor of this list. Use the value of `next` exactly as it was given.")
