"""Searching: one form, every way of looking, bounds and pages."""

import json
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.domain import limits
from brokers.domain.errors import ErrorCode, NotFound, Rejected
from brokers.engine import browse
from brokers.models import Topic
from brokers.store import browse as rows
from brokers.store import pending
from brokers.store.browse import Edge
from tests.integration.reads.world import World

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


def find(world: World, **wanted: object) -> browse.Page:
    return browse.search(browse.Search(instance_id=world.instance.pk, **wanted))  # type: ignore[arg-type] # test data


def all_pages(world: World, *, limit: int, **wanted: object) -> list[browse.Hit]:
    hits: list[browse.Hit] = []
    cursor = None
    for _ in range(500):
        query = browse.Search(instance_id=world.instance.pk, **wanted)  # type: ignore[arg-type] # test data
        page = browse.search(query, cursor=cursor, limit=limit)
        hits += page.items
        cursor = page.next
        if cursor is None:
            return hits
    raise AssertionError("pages without an end")


def test_topic_search_lists_newest_first_across_queues(world: World) -> None:
    topic = world.topic("orders")
    ids = [world.append(topic, n % 2).message_id for n in range(5)]
    page = find(world, topic="orders")
    assert [hit.message_id for hit in page.items] == ids[::-1]
    assert (page.completeness, page.next, page.scanned) == ("complete", None, 5)
    assert page.items[0].head == "hello"


def test_search_of_a_foreign_topic_is_not_found(world: World, stranger: World) -> None:
    stranger.append(stranger.topic("secret"), message_id="FOREIGN", keys="k")
    with pytest.raises(NotFound) as caught:
        find(world, topic="secret")
    assert caught.value.code == ErrorCode.TOPIC_NOT_FOUND
    assert find(world, message_id="FOREIGN").items == ()
    assert find(world, message_id="FOREIGN").scanned == 0
    assert find(world, key="k").items == ()
    assert find(world).items == ()


def test_every_condition_narrows_the_same_form(world: World) -> None:
    topic = world.topic("orders")
    queue_id = world.queues(topic)[0]
    planted = world.plant(
        queue_id,
        [
            (START + timedelta(minutes=n), {"tag": "AB"[n % 2], "keys": f"k{n % 3} all", "body": b"text %d" % n})
            for n in range(12)
        ],
    )
    ids = [p.message_id for p in planted]
    minute = timedelta(minutes=1)
    assert [h.message_id for h in find(world, topic="orders", tag="A", key="k0").items] == [ids[6], ids[0]]
    assert len(find(world, topic="orders", tag="A||B").items) == 12
    inside = find(world, topic="orders", start=START + 2 * minute, end=START + 4 * minute)
    assert [h.message_id for h in inside.items] == [ids[3], ids[2]]
    assert inside.scanned == 2
    assert [h.message_id for h in find(world, body="text 1").items] == [ids[11], ids[10], ids[1]]
    assert [h.message_id for h in find(world, key="all", body="text 7").items] == [ids[7]]
    assert [h.message_id for h in find(world, message_id=ids[4], tag="A").items] == [ids[4]]
    assert find(world, message_id=ids[4], tag="B").items == ()


def test_scheduled_retrying_and_dead_messages_are_found(world: World) -> None:
    topic, group = world.topic("orders"), world.group("mail")
    queue_id = world.queues(topic)[0]
    pending.add(
        [
            pending.Parked(
                kind="SCHEDULED",
                row=world.row(queue_id, message_id="LATER", keys="k"),
                topic_id=topic.pk,
                delay=timedelta(hours=1),
            ),
            pending.Parked(
                kind="RETRY",
                row=world.row(queue_id, message_id="AGAIN", keys="k"),
                topic_id=topic.pk,
                group_id=group.pk,
                delay=timedelta(hours=1),
            ),
        ]
    )
    found = {h.message_id: h for h in find(world, key="k").items}
    assert {name: (h.status, h.group) for name, h in found.items()} == {
        "LATER": ("SCHEDULED", None),
        "AGAIN": ("RETRYING", "mail"),
    }
    assert found["LATER"].due_at is not None
    assert [h.status for h in find(world, message_id="AGAIN").items] == ["RETRYING"]
    assert [h.message_id for h in find(world, topic="orders").items] == ["LATER"]


def test_text_is_found_in_compressed_bodies(world: World) -> None:
    topic = world.topic("orders")
    world.append(topic, message_id="ZIPPED", body=zlib.compress(b"a needle in hay"), sys_flag=1)
    world.append(topic, message_id="PLAIN", body="nädel needle".encode())
    page = find(world, topic="orders", body="needle")
    assert [h.message_id for h in page.items] == ["PLAIN", "ZIPPED"]
    assert page.completeness == "complete"
    assert [h.message_id for h in find(world, body="nädel").items] == ["PLAIN"]
    world.append(topic, message_id="BROKEN", body=b"not zlib", sys_flag=1)
    assert find(world, topic="orders", body="needle").completeness == "unknown"


@pytest.mark.parametrize("wanted", [{"key": "k"}, {"topic": "orders"}, {"topic": "orders", "body": "hello"}, {}])
def test_pages_together_are_the_whole_without_repeats(world: World, wanted: dict[str, str]) -> None:
    topic = world.topic("orders", queues=3)
    instants = [START + timedelta(seconds=n // 4) for n in range(60)]  # many messages of one instant
    for queue_id in world.queues(topic):
        world.plant(queue_id, [(at, {"keys": "k"}) for at in instants])
    hits = all_pages(world, limit=7, **wanted)
    assert len(hits) == 180
    assert len({h.message_id for h in hits}) == 180
    assert [h.at for h in hits] == sorted((h.at for h in hits), reverse=True)


def test_a_search_past_its_bound_says_truncated_and_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = world.topic("orders", queues=2)
    first, second = world.queues(topic)
    planted = world.plant(first, [(START + timedelta(seconds=n), {"tag": "x" if n == 3 else "y"}) for n in range(100)])
    world.plant(second, [(START + timedelta(seconds=3), {"tag": "x"})])
    monkeypatch.setattr(limits, "SCAN_ROW_COUNT", 40)
    page = find(world, topic="orders", tag="x")
    assert (page.items, page.completeness) == ((), "truncated")
    assert page.scanned == 21
    assert page.next is not None
    hits = all_pages(world, limit=10, topic="orders", tag="x")
    assert {h.message_id for h in hits} > {planted[3].message_id}
    assert len(hits) == 2


def test_a_common_key_is_scanned_instead_of_fetched_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = world.topic("orders", queues=1)
    world.plant(world.queues(topic)[0], [(START + timedelta(seconds=n), {"keys": "k"}) for n in range(50)])
    monkeypatch.setattr(limits, "SCAN_ROW_COUNT", 20)
    assert find(world, key="k").completeness == "truncated"
    assert len(all_pages(world, limit=10, key="k")) == 50


def test_bodies_read_by_a_text_search_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = world.topic("orders", queues=1)
    for _ in range(10):
        world.append(topic, body=b"x" * 1000)
    monkeypatch.setattr(limits, "SCAN_BODY_BYTES", 2500)
    page = find(world, topic="orders", body="zzz")
    assert (page.completeness, page.scanned) == ("truncated", 2)
    assert find(world, key="nothing", body="zzz").completeness == "complete"


def test_bad_questions_are_rejected(world: World) -> None:
    for wanted in ({"start": START, "end": START}, {"key": ""}, {"body": "\0"}, {"message_id": "x" * 65}):
        with pytest.raises(Rejected):
            find(world, **wanted)
    query = browse.Search(instance_id=world.instance.pk)
    for cursor in ("", "!!!", "WzFd", "W251bGxd", "WyJhIiwxLDEsMV0", "WzEsOSwxLDFd"):
        with pytest.raises(Rejected):
            browse.search(query, cursor=cursor)
    for limit in (0, limits.PAGE_MAX + 1):
        with pytest.raises(Rejected):
            browse.search(query, limit=limit)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_time_search_agrees_with_a_naive_one(world: World, data: st.DataObject) -> None:
    topic = world.topic(f"t{Topic.objects.count()}", queues=1)
    queue_id = world.queues(topic)[0]
    steps = data.draw(st.lists(st.sampled_from([0, 0, 1, 60, 3600, 4 * 3600]), max_size=25))
    instants, at = [], START
    for step in steps:
        at += timedelta(seconds=step)
        instants.append(at)
    world.plant(queue_id, [(instant, {}) for instant in instants])
    asked = data.draw(st.sampled_from([START - timedelta(days=1), at + timedelta(days=1), *instants]))
    asked += timedelta(microseconds=data.draw(st.sampled_from([-1, 0, 1])))
    expected = next((n for n, instant in enumerate(instants) if instant >= asked), len(instants))
    edges = [Edge(queue_id, asked, False), Edge(queue_id, None, False), Edge(queue_id, None, True)]
    assert rows.offsets_at(edges) == [expected, 0, len(instants)]


def test_message_head_is_one_line_of_text(world: World) -> None:
    topic = world.topic("orders")
    world.append(topic, body=json.dumps({"a": 1}, indent=1).encode())
    assert find(world, topic="orders").items[0].head == '{ "a": 1 }'
