"""What became of requests, as one person may see it.

Owns: which topics and groups are left out, and who could answer now. Must not know: how a policy is judged, pages.
Called by: console, api. A topic is seen with `mq:QueryTopic`, a group with `mq:QueryGroup`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from ..catalog import access
from ..domain import clock
from ..domain.actor import Actor
from ..models import Group, Instance, Topic
from . import request_stats, requests, responders
from .request_stats import Summary
from .requests import Standing

FLIGHT_COUNT = 100
LONGEST = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Flight:
    """A request that waits for replies."""

    topic: str
    correlation_id: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class RequestPage:
    """An instance's or a topic's requests. `readers` are the groups that could answer in a topic now, None: unknown."""

    summary: Summary
    readers: dict[int, list[str] | None]


def of_topic(actor: Actor, topic: Topic, *, over: timedelta) -> RequestPage:
    """Returns what became of a topic's requests lately. The caller has got the topic by permission."""
    since = clock.now() - min(over, LONGEST)
    found = request_stats.summary(topic.instance_id, since=since, topic_id=topic.pk)
    return _less_groups(actor, topic.instance, found, topics={topic.pk: topic.name})


def of_instance(actor: Actor, instance: Instance, *, over: timedelta) -> RequestPage:
    """Returns what became of an instance's requests lately. The caller has got the instance by permission."""
    since = clock.now() - min(over, LONGEST)
    shows = access.filter_of(actor, instance.name, "mq:QueryTopic")
    if shows is None:
        found = request_stats.summary(instance.pk, since=since)
    else:
        found = request_stats.summary(instance.pk, since=since, shows=shows)
    return _less_groups(actor, instance, found, topics={line.topic_id: line.topic for line in found.topics})


def in_flight(actor: Actor, instance: Instance) -> tuple[list[Flight], bool] | None:
    """Returns the requests that wait and time out first, and whether there are more; None when Redis cannot say."""
    found = requests.in_flight(instance.pk, limit=FLIGHT_COUNT)
    if found is None:
        return None
    pairs, count = found
    names = dict(Topic.objects.filter(pk__in={one.topic_id for one, _ in pairs}).values_list("pk", "name"))
    shows = access.filter_of(actor, instance.name, "mq:QueryTopic")
    seen = [
        Flight(names[one.topic_id], one.name.correlation_id, standing)
        for one, standing in pairs
        if one.topic_id in names and (shows is None or shows(names[one.topic_id]))
    ]
    return seen, count > len(pairs)


def _less_groups(actor: Actor, instance: Instance, found: Summary, *, topics: dict[int, str]) -> RequestPage:
    shows = access.filter_of(actor, instance.name, "mq:QueryGroup")
    kept = [line for line in found.responders if line.group and (shows is None or shows(line.group))]
    places = [responders.Place(instance.pk, name) for name in topics.values()]
    reading = dict(zip(topics, responders.groups(places), strict=True))
    names = _names({group_id for ids in reading.values() if ids for group_id in ids})
    readers = {
        topic_id: None if ids is None else _seen([names[i] for i in ids if i in names], shows)
        for topic_id, ids in reading.items()
    }
    return RequestPage(replace(found, responders=kept), readers)


def _names(group_ids: set[int]) -> dict[int, str]:
    return dict(Group.objects.filter(pk__in=group_ids).values_list("pk", "name")) if group_ids else {}


def _seen(names: Sequence[str], shows: Callable[[str], bool] | None) -> list[str]:
    return sorted(name for name in names if shows is None or shows(name))
