"""Requests that wait for replies.

Owns: one hash a request and the list of its replies, both gone by themselves some minutes after its end; who waits for
what in an instance; which processes that ask are alive. Must not know: messages, permissions, sockets.
Called by: engine.requests. Losing all of it makes the waiting requests time out.
The keys of a request hold its account, so nobody answers across accounts.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
import redis

from ..domain import limits
from ..domain.requests import Reply
from . import client

_PREFIX = client.PREFIX + "ask:"
_OPEN, _DUE = _PREFIX + "open:", _PREFIX + "due"
_PROCESS_MS = 15_000
_KEPT_MS = limits.REQUEST_KEPT_SECONDS * 1000


class Name(NamedTuple):
    """Which request: ids are unique in their account only."""

    account_id: int
    correlation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A request about to be sent. `process` is the one that waits; `client_id` may be empty.

    `is_kept`: its replies are kept for whoever looks, so that it outlives the process.
    """

    name: Name
    instance_id: int
    topic_id: int
    message_id: str
    timeout: timedelta
    most: int
    process: str
    client_id: str
    is_kept: bool
    user_id: int | None
    asker: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of an opening: `new`, `known` (the same client asks it again), `taken`, `crowded`."""

    outcome: str
    asked_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a reply; the times are Redis' own. `got` counts the replies the request has."""

    outcome: str
    got: int
    asked_at_ms: int
    now_ms: int
    topic_id: int
    instance_id: int


@dataclass(frozen=True, slots=True)
class Closed:
    """How a request stands after closing it. `was_open`: this call ended it. `state` is empty for an unknown one."""

    was_open: bool
    state: str
    got: int
    topic_id: int
    instance_id: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A request as it stands: OPEN, ANSWERED, TIMEOUT or GONE."""

    state: str
    got: int
    most: int
    asked_at_ms: int
    deadline_ms: int
    user_id: int | None
    topic_id: int
    instance_id: int
    message_id: str
    asker: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request in flight, for people to look at."""

    topic_id: int
    name: Name
    deadline_ms: int


def open_all(openings: Sequence[Opening]) -> list[Opened]:
    """Notes requests and returns what became of each, in order. One round trip. Raises TryLater LEASES_UNAVAILABLE."""
    words = {0: "taken", 1: "new", 2: "known", 3: "crowded"}
    answers = client.run_many("request_open", [(_open_keys(o), _open_arguments(o)) for o in openings])
    return [Opened(words[answer[0]], *answer[1:]) for answer in answers]


def reply_all(replies: Sequence[tuple[Name, int, str, Reply]]) -> list[Taken]:
    """Takes replies (request, topic it was received from, responder, reply). Raises TryLater LEASES_UNAVAILABLE."""
    calls: list[tuple[list[str], list[Any]]] = [
        (
            [_key(name), _replies_key(name)],
            [responder, _pack(reply), limits.REPLIES_BYTES, name.account_id, name.correlation_id, _PREFIX, topic_id],
        )
        for name, topic_id, responder, reply in replies
    ]
    return [Taken(a[0].decode(), *a[1:]) for a in client.run_many("request_reply", calls)]


def close_all(names: Sequence[Name], state: str) -> list[Closed]:
    """Ends requests, each with `TIMEOUT` or `GONE`, unless they are over. Raises TryLater LEASES_UNAVAILABLE."""
    calls = [([_key(name)], [state, name.account_id, name.correlation_id, _PREFIX]) for name in names]
    return [Closed(bool(a[0]), a[1].decode(), *a[2:]) for a in client.run_many("request_close", calls)]


def look(name: Name, *, after: int = 0) -> tuple[Standing | None, list[Reply]]:
    """Returns how a request stands, None when it is not known, and its replies but the first `after`.

    Raises: TryLater LEASES_UNAVAILABLE.
    """
    try:
        pipe = client.connection().pipeline(transaction=False)
        pipe.hgetall(_key(name))
        pipe.lrange(_replies_key(name), after, -1)
        fields, packed = pipe.execute()
    except redis.RedisError as error:
        raise client.unavailable() from error
    return _standing(fields), [_unpack(item) for item in packed]


def watch(name: Name, process: str) -> None:
    """Makes a process hear of the replies to a request that is kept. Raises TryLater LEASES_UNAVAILABLE."""
    client.run("request_watch", [_key(name)], [process])


def due(limit: int, *, grace: timedelta) -> list[Name]:
    """Returns at most `limit` open requests that nobody closed by their deadline plus `grace`, oldest first.

    Raises: TryLater LEASES_UNAVAILABLE.
    """
    found = client.run("request_due", [_DUE], [int(grace.total_seconds() * 1000), limit])
    return [_name(member.decode()) for member in found]


def waiting(instance_id: int, *, now_ms: int) -> list[Waiting] | None:
    """Returns an instance's requests in flight, the first to time out first; None when Redis cannot say."""
    try:
        found: list[Any] = client.connection().zrangebyscore(  # Any: bytes, redis-py cannot say so
            f"{_OPEN}{instance_id}", now_ms, "+inf", withscores=True
        )
    except redis.RedisError:
        return None
    pairs = ((member.decode().partition("|"), int(score)) for member, score in found)
    return [Waiting(int(topic), _name(rest), deadline) for (topic, _, rest), deadline in pairs]


def counts(instance_ids: Sequence[int], *, now_ms: int) -> dict[tuple[int, int], int] | None:
    """Returns how many requests are in flight, by instance and topic; None when Redis cannot say."""
    try:
        pipe = client.connection().pipeline(transaction=False)
        for instance_id in instance_ids:
            pipe.zrangebyscore(f"{_OPEN}{instance_id}", now_ms, "+inf")
        answers = pipe.execute()
    except redis.RedisError:
        return None
    found: dict[tuple[int, int], int] = {}
    for instance_id, members in zip(instance_ids, answers, strict=True):
        for member in members:
            key = instance_id, int(member.partition(b"|")[0])
            found[key] = found.get(key, 0) + 1
    return found


def standings(names: Sequence[Name]) -> list[Standing | None] | None:
    """Returns how requests stand, in order; None when Redis cannot say."""
    try:
        pipe = client.connection().pipeline(transaction=False)
        for name in names:
            pipe.hgetall(_key(name))
        return [_standing(fields) for fields in pipe.execute()]
    except redis.RedisError:
        return None


def note_process(process: str) -> None:
    """Says that a process that waits for replies is alive. Failing quietly: its next call comes soon."""
    try:
        client.connection().set(f"{_PREFIX}process:{process}", b"1", px=_PROCESS_MS)
    except redis.RedisError:
        return


def forget_process(process: str) -> None:
    """Says that a process waits no more. Failing quietly: the key runs out anyway."""
    try:
        client.connection().delete(f"{_PREFIX}process:{process}")
    except redis.RedisError:
        return


def _open_keys(opening: Opening) -> list[str]:
    return [_key(opening.name), f"{_OPEN}{opening.instance_id}", _DUE]


def _open_arguments(opening: Opening) -> list[Any]:
    name = opening.name
    return [
        f"{opening.topic_id}|{name.account_id}:{name.correlation_id}",
        f"{name.account_id}:{name.correlation_id}",
        int(opening.timeout.total_seconds() * 1000),
        _KEPT_MS,
        opening.most,
        limits.REQUEST_OPEN_COUNT,
        opening.process,
        opening.client_id,
        opening.user_id or 0,
        opening.topic_id,
        opening.instance_id,
        opening.message_id,
        opening.asker,
        int(opening.is_kept),
        f"{_PREFIX}process:{opening.process}",
        _PROCESS_MS,
    ]


def _key(name: Name) -> str:
    return f"{_PREFIX}{name.account_id}:{name.correlation_id}"


def _replies_key(name: Name) -> str:
    return f"{_PREFIX}replies:{name.account_id}:{name.correlation_id}"


def _name(member: str) -> Name:
    account, _, correlation_id = member.partition(":")
    return Name(int(account), correlation_id)


def _standing(fields: dict[bytes, bytes]) -> Standing | None:
    if b"state" not in fields:
        return None
    return Standing(
        state=fields[b"state"].decode(),
        got=int(fields[b"got"]),
        most=int(fields[b"most"]),
        asked_at_ms=int(fields[b"asked_at"]),
        deadline_ms=int(fields[b"deadline"]),
        user_id=int(fields[b"user"]) or None,
        topic_id=int(fields[b"topic"]),
        instance_id=int(fields[b"instance"]),
        message_id=fields[b"message"].decode(),
        asker=fields[b"name"].decode(),
        client_id=fields[b"client"].decode(),
    )


def _pack(reply: Reply) -> bytes:
    fields = asdict(reply)
    del fields["body"]
    return orjson.dumps(fields) + b"\n" + reply.body


def _unpack(packed: bytes) -> Reply:
    fields, _, body = packed.partition(b"\n")
    read = orjson.loads(fields)
    return Reply(body=body, **{**read, "keys": tuple(read["keys"])})
