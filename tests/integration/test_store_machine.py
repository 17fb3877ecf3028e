"""The engine against a model of a hundred lines: any order of sends, receives, failures and losses of Redis."""

import itertools
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from brokers.catalog import snapshot
from brokers.domain.errors import Stale
from brokers.domain.messages import Outgoing
from brokers.engine import delivery, offsets, publish, schedule, settlement
from brokers.engine.delivery import Delivery, ReceiveRequest, Subscription
from brokers.engine.publish import Published, Send
from brokers.engine.settlement import Extension, Refusal
from brokers.models import Group, Topic
from brokers.store import segments
from tests import stack
from tests.integration.crash import ledger
from tests.integration.model import Model
from tests.integration.reads.world import World

MAX_ATTEMPTS = 3
# A failing order of thirty steps is read more quickly than it is made shorter against real stores.
PHASES = (Phase.explicit, Phase.generate)
LONG = timedelta(seconds=600)
_names = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Got:
    """A delivery some rule may use later; its receipt may be stale by then."""

    message_id: str
    attempt: int
    epoch: int
    delivery: Delivery


class EngineMachine(RuleBasedStateMachine):
    """One topic, one queue, one group; every rule does the same to the engine and to the model."""

    world: World
    order = Group.Order.CONCURRENT
    got = Bundle("got")

    def __init__(self) -> None:
        super().__init__()
        number = next(_names)
        self.topic: Topic = self.world.topic(f"orders-{number}", queues=1, type="DELAY")
        self.group: Group = self.world.group(
            f"mail-{number}", order=self.order, max_attempts=MAX_ATTEMPTS, backoff_seconds=[0]
        )
        self.model = Model(MAX_ATTEMPTS, self.order == Group.Order.FIFO)
        self.ids = itertools.count(1)
        self._receive(0)

    @rule(count=st.integers(1, 3))
    def send(self, count: int) -> None:
        messages = [self._message() for _ in range(count)]
        for message, result in zip(messages, self._publish(messages), strict=True):
            assert result.offset == len(self.model.log)
            self.model.publish(message.message_id)

    @rule(dedup_id=st.sampled_from("abc"))
    def send_once(self, dedup_id: str) -> None:
        message = self._message()._replace(dedup_id=dedup_id)
        (result,) = self._publish([message])
        expected = self.model.publish(message.message_id, dedup_id)
        assert (result.message_id, result.duplicate) == (expected, expected != message.message_id)

    @rule()
    def send_later(self) -> None:
        message = self._message()._replace(delay=timedelta(microseconds=1))
        self._publish([message])
        self.model.schedule(message.message_id)

    @rule()
    def move_due(self) -> None:
        schedule.move_due(100)
        self.model.move_due()

    @rule(target=got, count=st.integers(1, 4))
    def receive(self, count: int) -> Any:  # Any: what Hypothesis puts into a bundle
        schedule.move_due(100)
        self.model.move_due()
        deliveries = self._receive(count)
        assert len(deliveries) <= count
        places = [(d.message.queue_id, d.message.offset) for d in deliveries]
        assert len(set(places)) == len(places)
        found = [Got(d.message.message_id, d.attempt, self.model.epoch, d) for d in deliveries]
        for one in found:
            self.model.receive(one.message_id, one.attempt)
        return multiple(*found)

    @rule(one=got)
    def acknowledge(self, one: Got) -> None:
        (result,) = settlement.acknowledge([one.delivery.receipt])
        counts = one.epoch == self.model.epoch and self.model.acknowledge(one.message_id, one.attempt)
        assert (result is None) == counts, result

    @rule(one=got)
    def refuse(self, one: Got) -> None:
        (result,) = settlement.refuse([Refusal(one.delivery.receipt, "no", timedelta())])
        counts = one.epoch == self.model.epoch and self.model.fail(one.message_id, one.attempt)
        assert (result is None) == counts, result

    @rule(one=consumes(got))
    def extend(self, one: Got) -> None:
        (result,) = settlement.extend([Extension(one.delivery.receipt, LONG)])
        assert isinstance(result, int | Stale)

    @rule()
    def expire(self) -> None:
        """Lets every lease run out at once."""
        known = set(self.model.out - self.model.may_repeat)
        with stack.redis_client() as redis:
            key = f"{{mq}}:flight:{self.group.pk}"
            for member in redis.zrange(key, 0, -1):
                redis.zadd(key, {member: 1})
            redis.zadd("{mq}:due", {str(self.group.pk): 1})
        settlement.expire_leases(1000)
        for message_id in known:
            assert self.model.fail(message_id, self.model.failures.get(message_id, 0) + 1)

    @rule()
    def lose_redis(self) -> None:
        with stack.redis_client() as redis:
            redis.flushdb()
        self.model.flush()

    # A concurrent group may have a copy in its retry topic beside what a reset brings back; an ordered one has none.
    @precondition(lambda self: self.model.is_ordered)
    @rule()
    def reset(self) -> None:
        offsets.reset(self.world.actor, self.group, self.topic, to="earliest", value=None, dry_run=False)
        self.model.reset()

    @invariant()
    def the_log_is_what_was_sent(self) -> None:
        assert ledger.log_of(self.topic) == self.model.log
        ledger.check_offsets()

    @invariant()
    def dead_letters_are_what_died(self) -> None:
        letters = ledger.rows("SELECT message_id FROM dead_letter WHERE group_id = %s ORDER BY 1", self.group.pk)
        assert [i for (i,) in letters] == sorted(self.model.dead)
        deaths = ledger.rows("SELECT 1 FROM attempt WHERE group_id = %s AND next_at IS NULL", self.group.pk)
        assert len(deaths) == sum(self.model.dead.values())

    @invariant()
    def the_cursor_stands_where_everything_below_is_done(self) -> None:
        for committed, acked in ledger.rows(
            "SELECT committed, acked::text FROM cursor WHERE group_id = %s AND topic_id = %s",
            self.group.pk,
            self.topic.pk,
        ):
            if self.model.is_ordered:
                done = list(itertools.takewhile(lambda i: i in self.model.settled, self.model.log))
                assert (committed, acked) == (len(done), "{}")

    def teardown(self) -> None:
        """Whatever happened, going on acknowledges all that is not dead, and in order where that was promised."""
        while True:
            self.expire()
            schedule.move_due(1000)
            self.model.move_due()
            deliveries = self._receive(100)
            if not deliveries:
                break
            for d in deliveries:
                self.model.receive(d.message.message_id, d.attempt)
                assert settlement.acknowledge([d.receipt]) == [None]
                assert self.model.acknowledge(d.message.message_id, d.attempt)
        assert self.model.settled == set(self.model.log)
        assert self.model.epoch or self.model.acknowledged.isdisjoint(self.model.dead)
        self.dead_letters_are_what_died()
        assert ledger.is_done(self.group)

    def _message(self) -> Outgoing:
        return Outgoing(body=b"x", message_id=f"M{next(self.ids)}", queue=0)

    def _publish(self, messages: list[Outgoing]) -> list[Published]:
        results = publish.publish([Send(self.world.entry(self.topic), message) for message in messages])
        found = [result for result in results if isinstance(result, Published)]
        assert len(found) == len(messages), results
        return found

    def _receive(self, count: int) -> list[Delivery]:
        request = ReceiveRequest(
            group=self.world.group_entry(self.group),
            subscriptions=(Subscription(self.world.entry(self.topic)),),
            max_count=max(count, 1),
            invisible=LONG,
            client_id="tester",
        )
        (result,) = delivery.receive([request])
        assert isinstance(result, list)
        return result


@pytest.mark.parametrize("order", Group.Order.values)
def test_the_engine_behaves_like_the_model(database: None, order: str) -> None:
    snapshot.forget()
    segments.make_ahead()
    machine = type("Machine", (EngineMachine,), {"world": World("shop"), "order": order})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            derandomize=bool(os.environ.get("CI")),
            suppress_health_check=list(HealthCheck),
            database=None,
            print_blob=True,
            phases=PHASES,
        ),
    )
