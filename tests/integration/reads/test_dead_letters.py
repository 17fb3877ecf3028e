"""Finding dead letters."""

from datetime import timedelta

import pytest

from brokers.domain import clock, limits
from brokers.domain.errors import NotFound, Rejected
from brokers.engine import dead_letters
from brokers.engine.dead_letters import Filter
from brokers.models import Group
from tests.integration.reads.consuming import bury
from tests.integration.reads.graves import dig
from tests.integration.reads.world import World


def ids(group: Group, **wanted: object) -> list[str]:
    return [d.message_id for d in dead_letters.page(group, Filter(**wanted)).items]  # type: ignore[arg-type] # test data


def test_a_message_that_failed_for_good_is_listed_with_all_it_was(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", max_attempts=1)
    world.append(topic, message_id="X", tag="T", keys="a b", properties='{"p":"q"}', body="Käse".encode())
    bury(world, group, [topic], error="no such mailbox")
    (letter,) = dead_letters.page(group).items
    assert (letter.topic, letter.message_id, letter.tag, letter.keys) == ("orders", "X", "T", ("a", "b"))
    assert (letter.attempts, letter.error, letter.client_id, letter.state) == (1, "no such mailbox", "tester", "DEAD")
    opened = dead_letters.get(group, letter.id)
    assert (opened.body.preview.text, opened.body.is_intact) == ("Käse", True)


def test_filters_narrow_the_list(world: World) -> None:
    group = world.group("mail")
    start = clock.now() - timedelta(hours=10)
    dig(world, group, [{"message_id": f"M{n}", "died_at": start + timedelta(hours=n)} for n in range(6)])
    dig(world, group, [{"message_id": "OTHER", "tag": "T", "keys": ["k"], "topic": "bills", "error": "Time OUT"}])
    dig(world, group, [{"message_id": "DONE", "state": "REPLAYED"}])
    assert ids(group)[:2] == ["DONE", "OTHER"]
    assert ids(group, state="REPLAYED") == ["DONE"]
    for wanted in ({"tags": ("T",)}, {"key": "k"}, {"topic": "bills"}, {"error": "time out"}, {"message_id": "OTHER"}):
        assert ids(group, **wanted) == ["OTHER"], wanted
    first, last = start + timedelta(hours=2), start + timedelta(hours=4)
    assert ids(group, start=first, end=last) == ["M3", "M2"]
    assert dead_letters.count(group, Filter(state="DEAD")).number == 7
    assert dead_letters.count(group, Filter(start=first, end=last)).number == 2


def test_pages_hold_every_dead_letter_once(world: World) -> None:
    group = world.group("mail")
    dig(world, group, [{"message_id": f"M{n}", "tag": "AB"[n % 2]} for n in range(25)])
    for wanted in (None, Filter(tags=("A",))):
        seen: list[str] = []
        cursor = None
        while True:
            page = dead_letters.page(group, wanted, cursor=cursor, limit=4)
            seen += [d.message_id for d in page.items]
            cursor = page.next
            if cursor is None:
                break
        expected = [f"M{n}" for n in reversed(range(25)) if wanted is None or n % 2 == 0]
        assert seen == expected


def test_a_rare_match_past_the_bound_is_reached_through_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    group = world.group("mail")
    dig(world, group, [{"message_id": f"M{n}", "tag": "rare" if n == 0 else "common"} for n in range(30)])
    monkeypatch.setattr(limits, "SCAN_ROW_COUNT", 10)
    page = dead_letters.page(group, Filter(tags=("rare",)))
    assert (page.items, page.completeness, page.scanned) == ((), "truncated", 10)
    for _ in range(2):
        page = dead_letters.page(group, Filter(tags=("rare",)), cursor=page.next)
    assert [d.message_id for d in page.items] == ["M0"]
    counted = dead_letters.count(group, Filter(tags=("rare",)))
    assert (counted.number, counted.completeness, counted.scanned) == (0, "truncated", 10)


def test_failures_of_one_kind_are_one_line(world: World) -> None:
    group = world.group("mail")
    errors = [
        "order 17 not found\nTraceback 1",
        "order 4711 not found\nTraceback 2",
        "order 9 not found",
        "node 0x7f3a9c001b20 for 3f2b1c9e-0a1b-4c2d-8e3f-123456789abc is down",
        "node 0x7f3a9c001c40 for 00000000-0a1b-4c2d-8e3f-123456789abc is down",
    ]
    dig(world, group, [{"error": error} for error in errors])
    dig(world, group, [{"error": "order 1 not found", "state": "REPLAYED"}])
    found = dead_letters.failures(group)
    assert [(f.failure, f.count) for f in found.items] == [
        ("order <n> not found", 3),
        ("node <id> for <id> is down", 2),
    ]
    assert (found.completeness, found.scanned) == ("complete", 5)
    assert len(ids(group, failure="order <n> not found", state="DEAD")) == 3


def test_another_groups_dead_letter_is_not_found(world: World, stranger: World) -> None:
    group, theirs = world.group("mail"), stranger.group("mail")
    (number,) = dig(stranger, theirs, [{}])
    for wrong in (number, 0, -1, 2**70):
        with pytest.raises(NotFound):
            dead_letters.get(group, wrong)
    assert dead_letters.page(group).items == ()


def test_bad_questions_are_rejected(world: World) -> None:
    group = world.group("mail")
    now = clock.now()
    for wanted in (Filter(state="GONE"), Filter(start=now, end=now), Filter(error="\0"), Filter(key="k" * 5000)):
        with pytest.raises(Rejected):
            dead_letters.page(group, wanted)
    for cursor in ("", "-1", "x", "٣", "9" * 30):
        with pytest.raises(Rejected):
            dead_letters.page(group, cursor=cursor)
