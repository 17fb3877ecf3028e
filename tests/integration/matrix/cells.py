"""The cells of the matrix: an operation, somebody, and whose thing it is; what must come out, and what must not."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote

from tests.integration.matrix.doors import Answer
from tests.integration.matrix.rows import Need, Row
from tests.integration.matrix.world import CANARY, CANARY_NUMBER, HIDDEN, TWIN, Tenant, Who, World
from tests.unit.policies import naive

OWNERS = ("own", "foreign", "crossed", "missing", "malformed")
# Words of an address that name nothing of anybody.
CONSTANT = {
    "scope": "account", "of_instance": "instance", "of_key": "key", "system": "PubOnly", "new_makers": "makers-anew",
}  # fmt: skip
HELD = ("exact", "denied", "lacking", "from elsewhere", "without TLS")
NUMBERS = {
    "number", "place", "half", "operation", "dead_letter", "version", "topic_id", "group_id", "instance_id",
}  # fmt: skip
CONDITIONS = {
    "from elsewhere": {"IpAddress": {"acs:SourceIp": "203.0.113.0/24"}},
    "without TLS": {"Bool": {"acs:SecureTransport": "true"}},
}
# For `tests.mutation`: who is asked, None for everybody; whether one difference is enough; and the world, to put right
# after it.
ASKERS: frozenset[str] | None = None
STOPS = False
LAST_WORLD: list[World] = []


@dataclass(frozen=True, slots=True)
class Cell:
    """One question: who asks, about whose thing, by which names; and the verdict of the second judge."""

    who: Who
    owner: str
    names: Mapping[str, str]
    expected: str

    def __str__(self) -> str:
        return f"{self.who.name} asks for what is {self.owner}: must be {self.expected}"


Ask = Callable[[Cell], Answer]


def of_row(world: World, row: Row, parameters: list[str]) -> Iterator[Cell]:
    """Every cell of an operation. `parameters` are the kinds of names in its address, outermost first."""
    parameters = [name for name in parameters if name not in CONSTANT]
    for owner in OWNERS:
        if row.is_lax and owner in {"crossed", "malformed"}:
            continue
        if not parameters and owner != "own":
            continue
        if owner == "crossed" and (len(parameters) < 2 or parameters[-1] == "version"):
            continue
        names = names_of(world, parameters, owner)
        for who in world.people.values():
            if ASKERS is not None and who.name not in ASKERS:
                continue
            for asker in _as_held(world, who, row, owner=owner):
                mine = {"key": asker.key_id or "nobody"} if row.is_own and owner == "own" else {}
                named = names | mine if parameters else _side_of(world, asker).names
                yield _cell(world, row, Cell(asker, owner, named, ""), parameters=parameters)


def names_of(world: World, parameters: list[str], owner: str) -> dict[str, str]:
    """Returns the names of a row for an owner. `crossed` is what is foreign within what is one's own."""
    ours, theirs = world.ours.names, world.theirs.names
    if owner in {"own", "foreign"}:
        return dict(ours if owner == "own" else theirs)
    if owner == "missing":
        return {name: _missing(name) for name in ours} | CONSTANT | {"version": "1", "number": "1"}
    last = parameters[-1]
    return {**ours, last: theirs[last] if owner == "crossed" else _malformed(last)}


def _side_of(world: World, who: Who) -> Tenant:
    return world.theirs if who.account_id == world.theirs.account.pk else world.ours


def replace_names(row: Row, names: Mapping[str, str]) -> Row:
    """Returns the row with names filled in everywhere."""
    return replace(
        row,
        needs=tuple((action, resource.format(**names)) for action, resource in row.needs),
        hides=tuple((action, resource.format(**names)) for action, resource in row.hides),
        query=row.query.format(**{name: quote(value, safe="") for name, value in names.items()}),
        body=filled(row.body, names),
    )


def filled(value: Any, names: Mapping[str, str]) -> Any:  # Any: JSON values
    if isinstance(value, str):
        return value.format(**names)
    if isinstance(value, dict):
        return {name: filled(one, names) for name, one in value.items()}
    return [filled(one, names) for one in value] if isinstance(value, list) else value


def _as_held(world: World, who: Who, row: Row, *, owner: str) -> Iterator[Who]:
    """Gives those whose policies depend on the operation theirs.

    One right after another is denied to one of them, and is not given to another.
    """
    if who.name not in HELD:
        yield who
        return
    own = replace_names(row, world.ours.names)
    needs = [full(need, world.ours.account.pk) for need in (*own.needs, *own.hides)]
    allows = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in needs]
    allows = allows or [{"Effect": "Allow", "Action": "mq:PUB", "Resource": "acs:mq:*:*:nothing%nothing"}]
    if who.name == "lacking":
        for gone in allows if len(allows) > 1 else []:
            if gone is not allows[0] and not _is_asked(gone["Action"], allows[0]["Action"], owner=owner):
                continue
            rest = [one for one in allows if one is not gone]
            yield world.hold(who.name, {"Version": "1", "Statement": rest})
        return
    if who.name != "denied":
        extra = {"Condition": CONDITIONS[who.name]} if who.name in CONDITIONS else {}
        yield world.hold(who.name, {"Version": "1", "Statement": [{**one, **extra} for one in allows]})
        return
    if owner == "own" and all(need[0].startswith("mq:") and not need[1].endswith("*") for need in needs):
        # Allowed everything but what is hidden, so that a list that trusts the star alone shows too much.
        everything = {"Effect": "Allow", "Action": ["mq:*", "ram:*"], "Resource": "*"}
        hidden = {"Effect": "Deny", "Action": "mq:*", "Resource": f"acs:mq:*:*:*{HIDDEN}*"}
        yield world.hold(who.name, {"Version": "1", "Statement": [everything, hidden]})
    for action, resource in needs if owner == "own" else needs[:1]:
        deny = {"Effect": "Deny", "Action": action, "Resource": resource}
        yield world.hold(who.name, {"Version": "1", "Statement": [*allows, deny]})


def _is_asked(action: str, first: str, *, owner: str) -> bool:
    """Whether a further right is asked for, too: of one's own; of a name that cannot be, unless it is what is given."""
    return owner == "own" or (owner == "malformed" and action.partition(":")[0] == first.partition(":")[0])


def hold_again(world: World, cell: Cell) -> None:
    """Gives the asker of a cell the policy it was made with."""
    if cell.who.name in HELD and cell.who.held:
        world.hold(cell.who.name, json.loads(cell.who.held[0]))


def full(need: Need, account_id: int) -> Need:
    """Returns a need with its resource spelled out for an account."""
    service, _colon, rest = need[1].partition(":")
    return need[0], f"acs:{service}:*:{account_id}:{rest}"


def _cell(world: World, given: Row, cell: Cell, *, parameters: list[str]) -> Cell:
    """Returns the cell with its verdict."""
    if given.is_public:
        return replace(cell, expected="public")
    who, row = cell.who, replace_names(given, cell.names)
    home = _side_of(world, who)
    is_there = cell.owner == ("foreign" if home is world.theirs else "own")
    exists = not parameters or (cell.owner == "own" if row.is_own else is_there)
    exists = exists and not row.is_never
    if row.hides and exists:
        exists = naive.verdict(who, [full(need, who.account_id) for need in row.hides], exists=True) == "in"
    asked = [need for need in row.needs if is_there or not row.by_id or "%" not in need[1]]
    expected = naive.verdict(who, [full(need, who.account_id) for need in asked], exists=exists)
    reaches = is_there or (len(parameters) > 1 and home is world.ours and cell.owner in {"crossed", "malformed"})
    if row.root_only and not who.is_root and reaches and expected != "nobody":
        expected = "refused"
    return replace(cell, expected=expected)


def _missing(name: str) -> str:
    if name in {"message", "placed"}:
        return "0" * 32
    return "999999" if name in NUMBERS else "nothing"


def _malformed(name: str) -> str:
    return "99999999999999999999" if name in NUMBERS else "no good!"


def secrets_in(world: World, cell: Cell, answer: Answer, *, row: Row) -> list[str]:
    """Returns what stands in an answer that this asker must never read."""
    tenant = world.theirs if cell.who.account_id == world.theirs.account.pk else world.ours
    other = world.ours if tenant is world.theirs else world.theirs
    words = [TWIN, *([CANARY, str(CANARY_NUMBER)] if tenant is world.ours else [])]
    is_open = row.sees_all or (row.sees_instance and cell.who.name != "denied")
    if not (cell.who.is_root or "wildcard" in cell.who.name or is_open) or tenant is world.theirs:
        words.append(HIDDEN)
    words += [one.secret for one in world.people.values() if one.user is not None]  # of anybody, to anybody
    text = answer.text
    for name in cell.names.values():  # what was asked for may be repeated
        text = text.replace(name, "").replace(quote(name), "")
    if cell.owner in {"own", "missing"} and not row.sees_all:  # an audit tells what was asked for
        words += [other.names[kind] for kind in ("topic", "group", "instance", "message", "key", "user", "policy")]
    if tenant is other or cell.who.account_id == 0:
        words += [CANARY, HIDDEN]
    return sorted({word for word in words if word in text})


def told(answer: Answer, names: Mapping[str, str]) -> str:
    """Returns an answer without what differs from one request to the next, and without the names asked for."""
    text = unquote(f"{answer.status} {answer.text} {answer.location}")
    text = re.sub(r'nonce[-=]"?[^\s"\';]+', "nonce", text)
    text = re.sub(r'csrfmiddlewaretoken" value="[^"]+"', "csrf", text)
    text = re.sub(r'"request_id":\s*"[^"]+"|[Xx]-[Rr]equest-[Ii]d: \S+', "", text)
    text = re.sub(r"[Cc]ontent-[Ll]ength: \d+", "", text)
    asked = {name for one in names.values() if len(one) > 3 for name in (one, quote(one))}
    for name in sorted(asked, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "·", text)
    return text


def as_json(body: Any) -> bytes:  # Any: JSON values
    return b"" if body is None else json.dumps(body).encode()
