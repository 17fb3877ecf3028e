"""`/metrics` for Prometheus: the numbers of all topics and groups, and the processes' own.

Owns: metric names and who may see them. Must not know: where the numbers come from. Called by: doors.http.app.
Names of RocketMQ's own exporters are used where the meaning is the same, so that dashboards fit.
Every account's names are in here: only a loopback address, or whoever has MQ_METRICS_TOKEN, may look.
"""

import hmac
import os
from collections.abc import Iterator

from django.conf import settings
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from ...dispatch import bridge
from ...domain.errors import Denied, Unauthenticated
from ...engine import gauges
from .exchange import Exchange

PATH = b"/metrics"
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_PLACE = ["account", "instance"]
_TOPIC = ["account", "instance", "topic"]
_PRODUCERS = ["account", "instance", "producer_group"]
_GROUP = ["account", "instance", "consumer_group"]


async def serve(exchange: Exchange) -> None:
    """Answers with every metric in Prometheus' text format. Raises: Unauthenticated, Denied, TryLater."""
    _check(exchange)
    reading = await bridge.run(gauges.read)
    registry = CollectorRegistry()
    registry.register(_Numbers(reading))
    await exchange.answer_text(generate_latest(registry) + generate_latest(_own()), content_type=_TEXT)


def _own() -> CollectorRegistry:
    """Returns what processes measured of themselves: all that write to one PROMETHEUS_MULTIPROC_DIR, or this one."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # the library has no types here
    return registry


def _check(exchange: Exchange) -> None:
    token = settings.METRICS_TOKEN.encode()
    if token:
        given = exchange.headers.get(b"authorization", b"")
        if not hmac.compare_digest(given, b"Bearer " + token):
            raise Unauthenticated("Metrics need 'Authorization: Bearer' with the token of MQ_METRICS_TOKEN.")
    elif settings.BEHIND_PROXY or exchange.peer not in {"127.0.0.1", "::1", ""}:
        raise Denied(
            "Metrics are shown to this machine only. Set MQ_METRICS_TOKEN to read them from elsewhere.",
            action="metrics",
            resource="*",
            reason="no token is set",
        )


class _Numbers:
    def __init__(self, reading: gauges.Reading) -> None:
        self._reading = reading

    def collect(self) -> Iterator[Metric]:
        yield from self._topics()
        yield from self._groups()
        yield from self._backlogs()
        yield from self._requests()
        yield from self._transactions()
        if self._reading.workers is not None:
            yield GaugeMetricFamily("mqconsole_broker_workers", "Broker workers alive", value=self._reading.workers)
        cut = int(self._reading.is_cut)
        yield GaugeMetricFamily("mqconsole_metrics_cut", "1 when there are more topics or groups than shown", value=cut)

    def _backlogs(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily("mqconsole_backlog_bytes", "Bytes that wait for consumers", labels=_PLACE)
        full = GaugeMetricFamily("mqconsole_backlog_full", "1 when the limit on it is reached", labels=_PLACE)
        for account, instance, byte_count, is_full in self._reading.backlogs:
            waiting.add_metric([account, instance], byte_count)
            full.add_metric([account, instance], int(is_full))
        yield from (waiting, full)

    def _topics(self) -> Iterator[Metric]:
        taken = CounterMetricFamily("rocketmq_messages_in_total", "Messages stored", labels=_TOPIC)
        kept = GaugeMetricFamily("mqconsole_messages_kept", "Messages in the log", labels=_TOPIC)
        for topic in self._reading.topics:
            labels = [topic.account, topic.instance, topic.name]
            taken.add_metric(labels, topic.taken)
            kept.add_metric(labels, topic.kept)
        yield from (taken, kept)

    def _requests(self) -> Iterator[Metric]:
        asked = CounterMetricFamily("mqconsole_requests_total", "Requests that were sent", labels=_TOPIC)
        answered = CounterMetricFamily("mqconsole_requests_answered_total", "Requests with a reply", labels=_TOPIC)
        late = CounterMetricFamily("mqconsole_requests_timed_out_total", "Requests without a reply", labels=_TOPIC)
        nobody = CounterMetricFamily(
            "mqconsole_requests_no_responder_total", "Requests refused because nobody could answer", labels=_TOPIC
        )
        flying = GaugeMetricFamily("mqconsole_requests_in_flight", "Requests that wait for replies", labels=_TOPIC)
        took = GaugeMetricFamily(
            "mqconsole_request_latency", "Time to the reply, in ms, lately", labels=[*_TOPIC, "quantile"]
        )
        for gauge in self._reading.requests:
            total, found = gauge.total, gauge.percentiles
            labels = [total.account, total.instance, total.topic]
            asked.add_metric(labels, total.asked)
            answered.add_metric(labels, total.answered)
            late.add_metric(labels, total.timed_out)
            nobody.add_metric(labels, total.no_responder)
            if gauge.in_flight is not None:
                flying.add_metric(labels, gauge.in_flight)
            for quantile, value in (("0.5", found.p50), ("0.95", found.p95), ("0.99", found.p99)):
                if value is not None:
                    took.add_metric([*labels, quantile], value)
        yield from (asked, answered, late, nobody, flying, took)

    def _transactions(self) -> Iterator[Metric]:
        half = GaugeMetricFamily("rocketmq_half_messages", "Half messages that wait for a decision", labels=_TOPIC)
        left = GaugeMetricFamily(
            "mqconsole_half_messages_discarded", "Half messages a person may decide", labels=_TOPIC
        )
        for topic in self._reading.half_topics:
            labels = [topic.account, topic.instance, topic.topic]
            half.add_metric(labels, topic.waiting)
            left.add_metric(labels, topic.discarded)
        checks = CounterMetricFamily("mqconsole_transaction_checks_total", "Checks made", labels=_PRODUCERS)
        discards = CounterMetricFamily("mqconsole_transaction_discards_total", "Discards made", labels=_PRODUCERS)
        for group in self._reading.producer_groups:
            checks.add_metric([group.account, group.instance, group.name], group.checks)
            discards.add_metric([group.account, group.instance, group.name], group.discards)
        yield from (half, left, checks, discards)

    def _groups(self) -> Iterator[Metric]:
        lag = GaugeMetricFamily("rocketmq_consumer_lag_messages", "Messages not settled", labels=_GROUP)
        age = GaugeMetricFamily(
            "rocketmq_consumer_lag_latency",
            "Age of the oldest message not settled, in ms",
            labels=_GROUP,
        )
        flight = GaugeMetricFamily("rocketmq_consumer_inflight_messages", "Messages with consumers", labels=_GROUP)
        waiting = GaugeMetricFamily("mqconsole_messages_retrying", "Messages that wait for a retry", labels=_GROUP)
        dead = GaugeMetricFamily("mqconsole_dead_letters_waiting", "Dead letters nobody replayed", labels=_GROUP)
        done = CounterMetricFamily("rocketmq_messages_out_total", "Messages acknowledged", labels=_GROUP)
        expired = CounterMetricFamily(
            "mqconsole_messages_expired_total",
            "Messages retention dropped before the group settled them",
            labels=_GROUP,
        )
        for group in self._reading.groups:
            labels, found = [group.account, group.instance, group.name], group.progress
            lag.add_metric(labels, found.lag)
            if found.oldest_age_seconds is not None:
                age.add_metric(labels, 1000 * found.oldest_age_seconds)
            if found.in_flight is not None:
                flight.add_metric(labels, found.in_flight)
            waiting.add_metric(labels, found.retrying)
            dead.add_metric(labels, found.dead)
            done.add_metric(labels, found.acked_count)
            expired.add_metric(labels, found.expired_count)
        yield from (lag, age, flight, waiting, dead, done, expired)
