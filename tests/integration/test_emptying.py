"""The database between two tests: nothing is left of the one before, and numbers begin anew."""

import os

from django.db import connection

from brokers.catalog import snapshot
from brokers.store import segments
from tests import stack
from tests.integration import three_people
from tests.integration.reads.world import World
from tests.integration.three_people import People


def rows_and_numbers() -> tuple[dict[str, int], set[str]]:
    """Returns how many rows each table has that has any, and the sequences that gave out a number."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        )
        counts = {}
        for (name,) in cursor.fetchall():
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(name)}")
            counts[name] = cursor.fetchone()[0]
        cursor.execute("SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL")
        used = {name for (name,) in cursor.fetchall()}
    return {name: count for name, count in counts.items() if count}, used


def fill() -> None:
    """Makes a topic with more in its log than is worth deleting row by row."""
    snapshot.forget()
    segments.make_ahead()
    world = World("full")
    topic = world.topic("orders", queues=1)
    for _ in range(20):
        world.append(topic, body=os.urandom(2 * stack.GROWN_BYTES // 20))


def test_nothing_is_left_and_numbers_begin_anew(people: People) -> None:
    first = people.instance.pk, people.owner.user.pk
    present, given_out = rows_and_numbers()
    kept = {name: count for name, count in present.items() if name in stack.KEPT_TABLES}
    assert kept
    for _ in range(3):
        fill()
        assert {"message", "accounts_auditentry", "brokers_topic"} <= rows_and_numbers()[0].keys()
        stack.empty_database()
        rows, used = rows_and_numbers()
        assert rows == kept
        assert used == given_out & {f"{name}_id_seq" for name in stack.KEPT_TABLES}
        people = three_people.make()
        assert (people.instance.pk, people.owner.user.pk) == first
