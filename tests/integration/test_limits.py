"""Limits: shared buckets, full backlogs, counts of topics and connections; and who may set them."""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import AuditEntry
from brokers.catalog import actions, snapshot
from brokers.catalog import quotas as catalog
from brokers.domain import clock
from brokers.domain.buckets import Bucket
from brokers.domain.errors import BrokerError, ErrorCode, NotFound, Rejected
from brokers.domain.messages import Outgoing, new_message_id
from brokers.domain.quotas import Quota, Scope
from brokers.engine import publish, quotas
from brokers.leases import connections, tokens
from brokers.models import Backlog
from tests.integration.three_people import People

SHOP = (Scope.INSTANCE, "shop")


def limit(people: People, quota: Quota, value: int | None, *, where: tuple[Scope, str] = SHOP) -> None:
    catalog.set_limits(people.owner.actor, where[0], where[1], values={quota: value})


def payer(people: People, *, key: str = "", is_send: bool = True) -> quotas.Payer:
    return quotas.Payer(people.instance.account_id, people.instance.pk, "shop", key, is_send)


def fill(people: People, count: int, size: int = 1000) -> None:
    topic = snapshot.topic(people.instance.account_id, "shop", "orders")
    messages = [
        Outgoing(body=b"x" * size, message_id=new_message_id(), born_at_ms=clock.now_ms()) for _ in range(count)
    ]
    for result in publish.publish([publish.Send(topic, one) for one in messages]):
        assert not isinstance(result, BrokerError)


@settings(max_examples=60, deadline=None)
@given(
    rate=st.floats(min_value=1, max_value=1e5),
    steps=st.lists(st.tuples(st.integers(0, 3_000_000), st.floats(-50, 500), st.floats(0, 500)), max_size=30),
)
def test_the_bucket_in_redis_is_the_bucket_in_memory(
    servers: None, rate: float, steps: list[tuple[int, float, float]]
) -> None:
    from tests import stack

    with stack.redis_client() as client:
        client.delete("{mq}:bucket:t")
    now_us = 1_700_000_000_000_000
    bucket = Bucket.full(rate, burst_seconds=1.0, now=now_us / 1e6)
    pool = tokens.Pool("t", rate, bucket.capacity, is_bytes=False)
    for pause_us, charge, want in steps:
        now_us += pause_us
        (there,) = tokens.take([tokens.Order((pool,), (charge, want), (0.0, 0.0))], now_us=now_us)
        here = bucket.settle(charge, want, now=now_us / 1e6)
        assert there.count == pytest.approx(here, abs=1e-3 * max(1, rate / 1000))
        assert there.wait_seconds == pytest.approx(bucket.wait(), abs=1e-3)


def test_what_every_bucket_has_is_given_and_the_emptiest_is_named(redis_client: Any) -> None:
    wide, narrow = tokens.Pool("wide", 1000, 1000, is_bytes=False), tokens.Pool("narrow", 10, 10, is_bytes=False)
    (given_,) = tokens.take([tokens.Order((wide, narrow), (0.0, 50.0), (0.0, 0.0))])
    assert given_.count == 10
    assert given_.slowest == 1
    assert 0 < given_.wait_seconds <= 0.1
    used = tokens.used(["wide", "narrow", "none"])
    assert used is not None
    assert used == [pytest.approx(1, abs=0.1), pytest.approx(1, abs=0.1), 0]


def _drain(url: str, pool: tokens.Pool, rounds: int) -> float:
    total = 0.0
    for number in range(rounds):
        (given_,) = tokens.take([tokens.Order((pool,), (0.0, 7.0), (0.0, 0.0))], now_us=1_700_000_000_000_000 + number)
        total += given_.count
    return total


def test_two_processes_together_get_what_one_bucket_holds(redis_client: Any, settings: Any) -> None:
    pool = tokens.Pool("shared", 1, 1000, is_bytes=False)
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as workers:
        totals = list(workers.map(_drain, [settings.REDIS_URL] * 2, [pool] * 2, [200] * 2))
    assert sum(totals) == pytest.approx(1000, abs=0.01)
    assert min(totals) > 0


def test_without_redis_a_process_keeps_to_the_limit_by_itself(
    people: People, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brokers.leases import client

    quotas.forget()
    limit(people, Quota.SEND_RATE, 5)
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    client._connection.cache_clear()
    client._script.cache_clear()
    try:
        for _ in range(5):
            quotas.pay_now(payer(people), [10])
        with pytest.raises(BrokerError) as caught:
            quotas.pay_now(payer(people), [10])
    finally:
        client._connection.cache_clear()
        client._script.cache_clear()
    assert caught.value.code == ErrorCode.QUOTA_EXCEEDED
    assert caught.value.extra["scope"] == "instance"


def test_over_the_rate_of_a_key_others_go_on(people: People) -> None:
    key = people.owner.key.key_id
    limit(people, Quota.SEND_RATE, 2, where=(Scope.KEY, key))
    for _ in range(2):
        quotas.pay_now(payer(people, key=key), [10])
    with pytest.raises(BrokerError) as caught:
        quotas.pay_now(payer(people, key=key), [10])
    assert caught.value.extra["retry_after_seconds"] == 1
    assert caught.value.detail.startswith("messages flow control, retry after ")
    quotas.pay_now(payer(people, key="another"), [10])
    quotas.settle([quotas.Order(quotas.terms(payer(people, key=key, is_send=False)).pools, (0, 1), (0, 1))])


def test_topics_and_groups_stop_at_their_limit(people: People) -> None:
    limit(people, Quota.TOPICS, 1)
    limit(people, Quota.GROUPS, 0, where=(Scope.ACCOUNT, ""))
    actions.create_topic(people.owner.actor, people.instance, name="a")
    with pytest.raises(Rejected, match="may have 1 topics") as caught:
        actions.create_topic(people.owner.actor, people.instance, name="b")
    assert caught.value.code == ErrorCode.LIMIT_REACHED
    with pytest.raises(Rejected, match="account may have 0 groups"):
        actions.create_group(people.owner.actor, people.instance, name="g")
    answer = people.owner.call("POST", "/instances/shop/topics", {"name": "b"})
    assert (answer.status_code, answer.json()["code"]) == (409, "LIMIT_REACHED")
    limit(people, Quota.TOPICS, None)
    actions.create_topic(people.owner.actor, people.instance, name="b")


def test_a_full_backlog_refuses_sends_until_it_is_consumed_and_never_receives(people: People) -> None:
    topic = actions.create_topic(people.owner.actor, people.instance, name="orders", queue_count=1)
    fill(people, 10)
    quotas.sample_backlogs()
    seen = Backlog.objects.get(instance=people.instance)
    assert seen.message_count == 10
    assert 10_000 <= seen.byte_count < 12_000
    limit(people, Quota.BACKLOG_BYTES, 5000)
    quotas.sample_backlogs()
    with pytest.raises(BrokerError) as caught:
        quotas.pay_now(payer(people), [10])
    assert caught.value.code == ErrorCode.BACKLOG_FULL
    assert not quotas.terms(payer(people, is_send=False)).is_full
    actions.delete_topic(people.owner.actor, topic)
    quotas.sample_backlogs()
    quotas.pay_now(payer(people), [10])
    assert Backlog.objects.get(instance=people.instance).byte_count == 0


def test_a_message_over_the_limit_of_its_instance_is_too_large(people: People) -> None:
    limit(people, Quota.MESSAGE_BYTES, 100)
    with pytest.raises(Rejected, match="instance has at most 100 bytes") as caught:
        quotas.pay_now(payer(people), [101])
    assert caught.value.code == ErrorCode.MESSAGE_TOO_LARGE
    quotas.pay_now(payer(people), [100])


def test_connections_of_all_processes_are_counted(redis_client: Any) -> None:
    assert connections.tell("a", {7: {"": 3, "k": 1}}) == {7: {}}
    assert connections.tell("b", {7: {"": 2}, 8: {"": 1}}) == {7: {"": 3, "k": 1}, 8: {}}
    assert connections.total(7) == {"": 5, "k": 1}
    assert connections.total(9) == {}


def test_a_limit_stays_below_the_ceiling_and_its_change_is_in_the_audit(people: People, settings: Any) -> None:
    settings.CEILINGS = {**settings.CEILINGS, "topics": 10}
    with pytest.raises(Rejected, match="from 0 to 10"):
        limit(people, Quota.TOPICS, 11)
    with pytest.raises(Rejected, match="limit of account, instance"):
        limit(people, Quota.TOPICS, 5, where=(Scope.KEY, people.owner.key.key_id))
    with pytest.raises(NotFound):
        limit(people, Quota.TOPICS, 5, where=(Scope.INSTANCE, "elsewhere"))
    with pytest.raises(NotFound):
        limit(people, Quota.SEND_RATE, 5, where=(Scope.KEY, people.stranger.key.key_id))
    limit(people, Quota.TOPICS, 5)
    limit(people, Quota.TOPICS, 6)
    detail = AuditEntry.objects.filter(action="mq:UpdateLimits").latest("pk").detail
    assert (detail["before"], detail["after"]) == ({"topics": 5}, {"topics": 6})


def test_limits_are_listed_with_what_is_used(people: People) -> None:
    actions.create_topic(people.owner.actor, people.instance, name="orders")
    body = {"scope": "instance", "target": "shop", "limits": {"topics": 1, "send_per_second": 50}}
    assert people.owner.call("PATCH", "/limits", body).status_code == 200
    quotas.pay_now(payer(people), [10] * 20)
    rows = people.owner.call("GET", "/limits").json()["items"]
    by_name = {(row["scope"], row["target"], row["limit"]): row for row in rows}
    assert by_name["instance", "shop", "topics"]["reached"] is True
    assert by_name["account", "", "topics"]["used"] == 1
    assert by_name["instance", "shop", "send_per_second"]["used"] == pytest.approx(2, abs=0.3)
    assert by_name["account", "", "send_per_second"]["value"] == by_name["account", "", "send_per_second"]["ceiling"]
    assert people.member.call("GET", "/limits").status_code == 403
    wrong = people.owner.call("PATCH", "/limits", {"scope": "account", "limits": {"speed": 1}})
    assert wrong.status_code == 400
    assert "send_per_second" in json.dumps(wrong.json())


def test_the_page_shows_limits_and_changes_them(people: People) -> None:
    from django.test import Client

    browser = Client()
    browser.force_login(people.owner.user)
    assert b"Limits" in browser.get("/limits").content
    answer = browser.post("/limits/instance/shop", {"topics": "7", "send_per_second": ""})
    assert answer.status_code == 302
    assert catalog.own(people.instance.account_id) == {(Scope.INSTANCE, "shop", Quota.TOPICS): 7}
    assert browser.post("/limits/instance/shop", {"topics": "-1"}).status_code == 200
    assert browser.get("/limits/instance/elsewhere").status_code == 404
    assert browser.get(f"/limits/key/{people.stranger.key.key_id}").status_code == 404
    member = Client()
    member.force_login(people.member.user)
    assert member.get("/limits").status_code == 403
    assert member.post("/limits/account", {"topics": "7"}).status_code == 403
