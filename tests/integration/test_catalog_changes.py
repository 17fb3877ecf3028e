"""What a change of the catalog does when the database goes away, and when two people change at once."""

import threading
from collections.abc import Callable

import psycopg
import pytest
from django.db import connection

from accounts.models import AuditEntry
from brokers.catalog import actions, changes
from brokers.domain.errors import ErrorCode, Rejected, TryLater, UnknownOutcome
from brokers.models import CatalogVersion, Queue, Topic
from tests.integration.three_people import People


def cut_connection() -> None:
    """Ends this thread's database session from another one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    parameters = connection.get_connection_params()
    own = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if parameters.get(name)}
    with psycopg.connect(**own, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_a_connection_lost_before_the_commit_changes_nothing_and_says_so(people: People) -> None:
    with pytest.raises(TryLater) as caught, changes.change("instance:1"):
        Topic.objects.create(instance=people.instance, name="t")
        cut_connection()
        Topic.objects.create(instance=people.instance, name="u")
    assert caught.value.code == ErrorCode.STORE_UNAVAILABLE
    assert not Topic.objects.exists()


def test_a_connection_lost_in_the_commit_is_an_unknown_outcome(people: People) -> None:
    with pytest.raises(UnknownOutcome), changes.transaction():
        Topic.objects.create(instance=people.instance, name="t")
        cut_connection()
    assert not Topic.objects.exists()


def test_a_driver_error_of_the_engine_inside_a_change_is_told_in_our_words(people: People) -> None:
    with pytest.raises(TryLater), changes.transaction():
        raise psycopg.errors.DeadlockDetected("another was faster")


def test_a_refused_change_leaves_no_audit_row_and_no_new_version(people: People) -> None:
    actions.create_topic(people.owner.actor, people.instance, name="t")
    entries, version = AuditEntry.objects.count(), CatalogVersion.objects.get().number
    with pytest.raises(Rejected):
        actions.create_topic(people.owner.actor, people.instance, name="t")
    assert (AuditEntry.objects.count(), CatalogVersion.objects.get().number) == (entries, version)


def at_once(*works: Callable[[], object]) -> list[object]:
    """Runs all works at the same time and returns what each returned or raised."""
    barrier = threading.Barrier(len(works))
    outcomes: list[object] = [None] * len(works)

    def run(number: int) -> None:
        barrier.wait()
        try:
            outcomes[number] = works[number]()
        except Rejected as error:
            outcomes[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return outcomes


def test_of_two_who_take_a_name_at_once_one_gets_it(people: People) -> None:
    outcomes = at_once(*[lambda: actions.create_group(people.owner.actor, people.instance, name="g") for _ in range(2)])
    assert sorted(isinstance(outcome, Rejected) for outcome in outcomes) == [False, True]
    assert Topic.objects.filter(group__name="g").count() == 2


def test_two_who_add_queues_at_once_make_no_gap_and_no_double(people: People) -> None:
    topic = actions.create_topic(people.owner.actor, people.instance, name="t", queue_count=2)
    at_once(*[lambda n=n: actions.update_topic(people.owner.actor, topic, queue_count=n) for n in (5, 9)])
    numbers = list(Queue.objects.filter(topic=topic).order_by("number").values_list("number", flat=True))
    assert numbers == list(range(9)) or numbers == list(range(5))
    assert Topic.objects.get(pk=topic.pk).queue_count == len(numbers)


def test_a_repeated_request_that_comes_while_the_first_runs_is_done_once(people: People) -> None:
    body = {"name": "t"}
    outcomes = at_once(
        *[
            lambda: people.owner.call("POST", "/instances/shop/topics", body, Idempotency_Key="k").status_code
            for _ in range(3)
        ]
    )
    assert outcomes == [201, 201, 201]
    assert Topic.objects.count() == 1
