"""What is in the stores after all that, and whether it adds up."""

from collections import Counter

from django.db import connection

from brokers.models import Group, Topic
from tests.integration.crash import operations
from tests.stack import wait_until


def rows(query: str, *values: int) -> list[tuple[object, ...]]:
    with connection.cursor() as cur:
        cur.execute(query, values)
        return list(cur.fetchall())


def drain(group: Group, topic: Topic) -> Counter[str]:
    """Receives and acknowledges until the group has nothing left; returns how often each message came."""
    seen: Counter[str] = Counter()

    def go_on() -> bool:
        operations.expire()
        operations.move_due()
        got = operations.receive(group=group.pk, topic=topic.pk)
        seen.update(d.message.message_id for d in got)
        if got:
            results = operations.acknowledge(receipts=[operations.text_of(d) for d in got])
            assert not any(results), results
        return is_done(group)

    wait_until(go_on, what="the group to settle everything")
    return seen


def is_done(group: Group) -> bool:
    """Returns True when nothing waits and every cursor stands at its queue's end."""
    (left,) = rows(
        "SELECT (SELECT count(*) FROM pending)"
        " + (SELECT count(*) FROM cursor c JOIN brokers_queue q ON q.id = c.queue_id"
        "    WHERE c.group_id = %s AND (c.committed <> q.next_offset OR c.acked <> '{}'))",
        group.pk,
    )
    return left == (0,)


def check_offsets() -> None:
    """Offsets are dense from 0 in every queue, and no cursor stands outside its queue."""
    for queue, next_offset, count, first, last in rows(
        "SELECT q.id, q.next_offset, count(m.queue_offset), min(m.queue_offset), max(m.queue_offset)"
        " FROM brokers_queue q LEFT JOIN message m ON m.queue_id = q.id GROUP BY q.id"
    ):
        assert count == next_offset, (queue, next_offset, count)
        assert (first, last) in {(0, next_offset - 1 if isinstance(next_offset, int) else 0), (None, None)}, queue
    assert not rows(
        "SELECT 1 FROM cursor c JOIN brokers_queue q ON q.id = c.queue_id WHERE c.committed > q.next_offset"
        " OR upper(c.acked) > q.next_offset OR c.committed < 0"
    )


def dead_letters(group: Group) -> list[str]:
    """Returns the ids of the group's dead letters; the dead-letter topic and the timelines must agree."""
    letters = [str(i) for (i,) in rows("SELECT message_id FROM dead_letter WHERE group_id = %s ORDER BY 1", group.pk)]
    copies = rows(
        "SELECT m.message_id FROM message m JOIN brokers_queue q ON q.id = m.queue_id JOIN brokers_topic t"
        " ON t.id = q.topic_id WHERE t.group_id = %s AND t.kind = 'DEAD_LETTER' ORDER BY 1",
        group.pk,
    )
    lasts = rows("SELECT message_id FROM attempt WHERE group_id = %s AND next_at IS NULL ORDER BY 1", group.pk)
    assert letters == [i for (i,) in copies] == [i for (i,) in lasts]
    return letters


def log_of(topic: Topic) -> list[str]:
    """Returns the ids in a topic's log, in order."""
    return [
        str(i)
        for (i,) in rows(
            "SELECT m.message_id FROM message m JOIN brokers_queue q ON q.id = m.queue_id WHERE q.topic_id = %s"
            " ORDER BY q.number, m.queue_offset",
            topic.pk,
        )
    ]


def change(query: str, *values: int) -> None:
    """Does to the store what only time does otherwise."""
    with connection.cursor() as cur:
        cur.execute(query, values)


def halves(state: str) -> list[str]:
    """Returns the message ids of the transactions in a state, in order."""
    with connection.cursor() as cur:
        cur.execute("SELECT message_id FROM half WHERE state = %s ORDER BY id", [state])
        return [str(i) for (i,) in cur.fetchall()]


def attempts(group: Group) -> int:
    ((count,),) = rows("SELECT count(*) FROM attempt WHERE group_id = %s", group.pk)
    assert isinstance(count, int)
    return count
