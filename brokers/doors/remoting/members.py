"""Who is connected here: producers and members of groups, by their heartbeats.

Owns: that list, and telling a group's members when it changes, so that they share out its queues anew.
Must not know: sockets beyond `Peer`. Called by: doors.remoting.handlers, connection.
Source: apache/rocketmq broker/.../client/ConsumerManager.java, ConsumerGroupInfo.java.
"""

from dataclasses import dataclass, field

from ...catalog.snapshot import GroupEntry
from ...dispatch import bridge, desk
from ...dispatch.readers import BEATING_MS, Place, Reader
from ...domain import clock, filters
from ...domain.errors import Rejected
from ...domain.filters import Filter
from ...domain.names import RETRY_PREFIX
from ...engine import clients, ways
from ...protocols.remoting import bodies
from ...protocols.remoting.bodies import Membership, Subscription
from ...protocols.remoting.codes import Ask, Reply
from ...protocols.remoting.frames import Command
from . import names, recollection
from .askers import Askers
from .call import Call, Memory, Peer
from .fellows import Fellows
from .producers import Producers
from .recollection import Said, Trace

_SILENT_SECONDS = 120.0
# Who popped within this time is one who pops, whatever its group's mode says.
_POPPING_SECONDS = 45.0
_NOTE_AGAIN_SECONDS = clients.SAID_PERIOD_MS / 2000


@dataclass(slots=True)
class Member:
    """A client in a group. `subscriptions` by topic, as the client writes it."""

    client_id: str
    peer: Peer
    group: GroupEntry
    membership: Membership
    heard_at: float
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    language: str = "OTHER"
    version: int = 0
    memory: Memory = field(default_factory=Memory)
    noted_at: float = -_NOTE_AGAIN_SECONDS  # when others were told what it said

    @property
    def prefix(self) -> str:
        """Returns what the client writes before the names of its instance."""
        return self.membership.group.removesuffix(self.group.name)


class Members:
    """The members of all groups that are connected to this process.

    A member is a connection: programs on one machine may well give themselves the same client id.
    """

    def __init__(self, worker: str = "") -> None:
        self.askers = Askers()
        self.producers = Producers(worker)
        self._groups: dict[int, dict[Peer, Member]] = {}
        self.fellows = Fellows()

    def ids(self, group_id: int) -> list[str]:
        """Returns the client ids of a group's members in all processes, in order, each once.

        Clients share out queues by their place in this list: one that stood in it twice would leave queues to nobody.
        """
        here = {member.client_id for member in self._groups.get(group_id, {}).values()}
        return sorted(here | self.fellows.of(group_id))

    def here(self) -> dict[tuple[int, str], str]:
        """Returns the client ids of the members of this process by group and connection."""
        every = ((group_id, peer, member) for group_id, of in self._groups.items() for peer, member in of.items())
        return {(group_id, peer.address): member.client_id for group_id, peer, member in every}

    def of(self, group_id: int, peer: Peer) -> Member | None:
        """Returns the member of a group that this connection is."""
        return self._groups.get(group_id, {}).get(peer)

    def every(self, group_id: int) -> list[Member]:
        """Returns a group's members here."""
        return list(self._groups.get(group_id, {}).values())

    def find(self, group_id: int, client_id: str) -> Member | None:
        """Returns the member of a group with this client id that was heard of last."""
        found = [member for member in self.every(group_id) if member.client_id == client_id]
        return max(found, key=lambda member: member.heard_at, default=None)

    def join(self, member: Member, *, is_back: bool = False) -> None:
        """Notes a heartbeat; tells the others when somebody is new, or reads other topics than before.

        Whoever `is_back` shares what it shared before, so that nobody need do anything.
        """
        members = self._groups.setdefault(member.group.id, {})
        before = members.get(member.peer)
        members[member.peer] = member
        if is_back:
            return
        if before is None or set(before.subscriptions) != set(member.subscriptions):
            self.tell(member.group.id)

    def leave(self, group_id: int, peer: Peer) -> None:
        """Forgets a member that said goodbye."""
        members = self._groups.get(group_id, {})
        if members.pop(peer, None) is not None:
            self.tell(group_id)
        if not members:
            self._groups.pop(group_id, None)

    def hang_up(self, peer: Peer) -> list[tuple[int, str]]:
        """Forgets the members of a connection that ended. Returns (group, client id) of those now connected nowhere."""
        self.askers.hang_up(peer)
        gone = [(group_id, members[peer].client_id) for group_id, members in self._groups.items() if peer in members]
        for group_id, _ in gone:
            self.leave(group_id, peer)
        return [(group_id, client_id) for group_id, client_id in gone if client_id not in self.ids(group_id)]

    def sweep(self) -> None:
        """Forgets members whose heartbeats stopped although their connection stands."""
        oldest = clock.monotonic() - _SILENT_SECONDS
        silent = [(g, p) for g, members in self._groups.items() for p, m in members.items() if m.heard_at < oldest]
        for group_id, peer in silent:
            self.leave(group_id, peer)

    def tell(self, group_id: int) -> None:
        """Tells a group's members in this process to share out the queues anew."""
        for member in self._groups.get(group_id, {}).values():
            if not member.membership.is_broadcast:
                fields = {"consumerGroup": member.membership.group}
                member.peer.tell(Ask.NOTIFY_CONSUMER_IDS_CHANGED, fields)


async def heartbeat(call: Call) -> Command:
    """34: a client says which groups it produces and consumes for, and what it reads."""
    heart = bodies.read_heartbeat(call.request.body)
    for membership in heart.consumers:
        if membership.group == names.LOOKER:
            continue
        group, _ = await names.group_or_new(call.actor, membership.group)
        said = Said(
            heart.client_id, call.peer.ip, call.actor.name, call.request.language, call.request.version, membership
        )
        member = _member(call, group, said)
        before = call.members.of(group.id, call.peer)
        call.members.join(member)
        await _note(call, member)
        await _remember(said, member, before)
    call.members.askers.note(call.peer, call.actor.account_id, heart.client_id)
    await call.members.producers.hear(
        call.peer,
        call.actor,
        client_id=heart.client_id,
        groups=heart.producers,
        language=call.request.language,
        version=call.request.version,
    )
    return call.reply(fields={"IS_SUPPORT_HEART_BEAT_V2": "false", "IS_SUB_CHANGE": "true"})


async def recall(call: Call, group: GroupEntry, topic: str) -> Member | None:
    """Returns the member whose pull this is although it has yet to say so on its connection, or None.

    `topic` is as the client writes it. Effects: from here on it is one of the group's members.
    """
    if group.id in call.memory.strangers:
        return None
    kept = await bridge.run(clients.said, group.id)
    member = call.members.of(group.id, call.peer)
    if member is not None:
        return member  # another pull of its, or its heartbeat, was faster
    version = bodies.whole(call.fields, "subVersion", 0)
    trace = Trace(call.peer.ip, call.actor.name, call.request.language, topic, version)
    here = {one.client_id for one in call.members.every(group.id)}
    said = recollection.find(kept, trace, here=here, anywhere=call.members.ids(group.id))
    if said is None:
        call.memory.strangers.add(group.id)
        return None
    member = _member(call, group, said)
    call.members.join(member, is_back=True)
    await _note(call, member)
    return member


def _member(call: Call, group: GroupEntry, said: Said) -> Member:
    subscriptions = {one.topic: one for one in said.membership.subscriptions}
    return Member(
        said.client_id,
        call.peer,
        group,
        said.membership,
        clock.monotonic(),
        subscriptions,
        said.language,
        said.version,
        call.memory,
    )


async def _note(call: Call, member: Member) -> None:
    """Says everywhere that somebody consumes."""
    await call.members.fellows.join((member.group.id, call.peer.address), member.client_id)
    seen = clients.Seen(member.client_id, _door(call, member), call.peer.address, call.actor.name, clock.now_ms())
    (await desk.get()).note_client(member.group.id, seen)
    await _note_reader(call, member)


async def _remember(said: Said, member: Member, before: Member | None) -> None:
    """Notes what a member said, unless that was noted a short while ago."""
    is_same = before is not None and (before.client_id, before.membership) == (said.client_id, said.membership)
    if before is not None and is_same and member.heard_at - before.noted_at < _NOTE_AGAIN_SECONDS:
        member.noted_at = before.noted_at
        return
    member.noted_at = member.heard_at
    await bridge.run(clients.note_said, {(member.group.id, said.client_id): recollection.write(said)})


def _door(call: Call, member: Member) -> str:
    if member.membership.is_broadcast:
        return "remoting-broadcast"
    popped_at = call.memory.popped_at.get(member.group.id, -_POPPING_SECONDS)
    pops = member.group.is_popped or clock.monotonic() - popped_at < _POPPING_SECONDS
    return "remoting-pop" if pops else "remoting"


async def unregister(call: Call) -> Command:
    """35: a client leaves."""
    name = call.fields.get("consumerGroup")
    client_id = bodies.text(call.fields, "clientID")
    if name:
        group, _ = await names.group(call.actor, name)
        call.members.leave(group.id, call.peer)
        if client_id not in call.members.ids(group.id):
            await (await desk.get()).forget_client(group.id, client_id)
            await bridge.run(clients.forget_said, group.id, client_id)
        ways.forget()
    producer_group = call.fields.get("producerGroup")
    if producer_group:
        parsed = await names.parse(call.actor, producer_group)
        await call.members.producers.leave((call.actor.account_id, parsed.instance, parsed.bare), call.peer)
    return call.reply()


async def consumer_list(call: Call) -> Command:
    """38: who shares the queues of a group; code 1 when nobody does."""
    name = bodies.text(call.fields, "consumerGroup")
    group, _ = await names.group(call.actor, name)
    ids = call.members.ids(group.id)
    if not ids:
        return call.reply(Reply.SYSTEM_ERROR, remark=f"no consumer for this group, {name}")
    return call.reply(body=bodies.write({"consumerIdList": ids}))


async def check_subscription(call: Call) -> Command:
    """46: whether a filter can be used here."""
    subscription = bodies.read_subscription_check(call.request.body)
    try:
        read_filter(subscription.expression_type, subscription.expression)
    except Rejected as error:
        return call.reply(Reply.SUBSCRIPTION_PARSE_FAILED, remark=error.detail)
    return call.reply()


async def _note_reader(call: Call, member: Member) -> None:
    parsed = [await names.parse(call.actor, topic) for topic in member.subscriptions]
    places = [
        Place(member.group.instance_id, name.bare)
        for name in parsed
        if name.instance == member.group.instance and not name.bare.startswith(RETRY_PREFIX)
    ]
    reader = Reader(member.group.id, member.client_id)
    await (await desk.get()).readers.note(places, reader, lasting_ms=BEATING_MS)


def read_filter(kind: str, expression: str) -> Filter:
    """Returns the filter a client means. Raises Rejected that says what is wrong with it."""
    if kind == "SQL92":
        return filters.parse_sql(expression)
    if kind == "TAG":
        return filters.parse_tags(expression)
    raise Rejected(f"There are no {kind!r} filters here; use TAG or SQL92.")


async def forget_presence(gone: list[tuple[int, str]]) -> None:
    """Makes the console forget clients whose connection ended."""
    counter = desk.started()
    if counter is not None:
        for group_id, client_id in gone:
            await counter.forget_client(group_id, client_id)
        ways.forget()
