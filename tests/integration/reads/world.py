"""A small world with a real catalog, and a way to plant messages at chosen times."""

import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from accounts.models import Account
from brokers.catalog import snapshot
from brokers.domain import clock, names
from brokers.domain.actor import Actor
from brokers.models import Group, Instance, Queue, Topic
from brokers.store import log


@dataclass(frozen=True, slots=True)
class Planted:
    """Where a planted message stands."""

    queue_id: int
    offset: int
    message_id: str
    stored_at: datetime


class World:
    """One account with one instance; topics and groups are made as the catalog makes them."""

    def __init__(self, name: str) -> None:
        self.account = Account.objects.create(name=name)
        self.instance = Instance.objects.create(account=self.account, name=name)
        self.actor = Actor(self.account.pk, None, f"root@{name}", is_root=True)
        self._ids = itertools.count(1)

    def topic(self, name: str, *, queues: int = 2, **fields: Any) -> Topic:
        topic = Topic.objects.create(instance=self.instance, name=name, queue_count=queues, **fields)
        Queue.objects.bulk_create([Queue(topic=topic, number=n) for n in range(queues)])
        return topic

    def group(self, name: str, **fields: Any) -> Group:
        group = Group.objects.create(instance=self.instance, name=name, **fields)
        self.topic(names.retry_topic(name), queues=1, kind=Topic.Kind.RETRY, group=group)
        self.topic(names.dead_letter_topic(name), queues=1, kind=Topic.Kind.DEAD_LETTER, group=group)
        return group

    def queues(self, topic: Topic) -> list[int]:
        return list(topic.queues.order_by("number").values_list("pk", flat=True))

    def entry(self, topic: Topic) -> snapshot.TopicEntry:
        found = snapshot.topic_by_id(topic.pk)
        assert found is not None
        return found

    def group_entry(self, group: Group) -> snapshot.GroupEntry:
        found = snapshot.group_by_id(group.pk)
        assert found is not None
        return found

    def row(self, queue_id: int, **fields: Any) -> log.Row:
        values: dict[str, Any] = {
            "message_id": f"M{next(self._ids):08d}",
            "tag": None,
            "keys": None,
            "properties": None,
            "body": b"hello",
            "sys_flag": 0,
            "born_at_ms": 0,
            "born_host": "",
            "reconsume_times": 0,
        }
        return log.Row(queue_id=queue_id, **{**values, **fields})

    def append(self, topic: Topic, queue: int = 0, **fields: Any) -> Planted:
        """Appends a message now, as a send does."""
        queue_id = self.queues(topic)[queue]
        row = self.row(queue_id, **fields)
        place = log.append([row])[0]
        assert place is not None
        return Planted(queue_id, place.offset, row.message_id, clock.from_ms(place.stored_at_ms))

    def plant(self, queue_id: int, rows: Sequence[tuple[datetime, dict[str, Any]]]) -> list[Planted]:
        """Writes rows stored at chosen instants, which must not fall, in the manner of `log.append`."""
        planted = []
        with connection.cursor() as cur:
            cur.execute("SELECT next_offset, segment FROM brokers_queue WHERE id = %s", [queue_id])
            offset, segment = cur.fetchone()
            for stored_at, fields in rows:
                row = self.row(queue_id, **fields)
                cur.execute("SELECT mq_segment(%s)", [stored_at])
                current = max(segment, cur.fetchone()[0])
                if current > segment:
                    _make_partition(cur, current)
                    cur.execute("INSERT INTO segment_range VALUES (%s, %s, %s)", [queue_id, current, offset])
                    segment = current
                cur.execute(
                    "INSERT INTO message VALUES"
                    " (%s, %s, %s, %s, %s, string_to_array(%s, ' '), %s, %s, %s, %s, 0, '', %s, %s)",
                    [
                        segment,
                        queue_id,
                        offset,
                        row.message_id,
                        row.tag,
                        row.keys,
                        row.properties,
                        row.body,
                        row.sys_flag,
                        zlib.crc32(row.body),
                        stored_at,
                        row.reconsume_times,
                    ],
                )
                planted.append(Planted(queue_id, offset, row.message_id, stored_at))
                offset += 1
            cur.execute(
                "UPDATE brokers_queue SET next_offset = %s, segment = %s, last_stored_at = %s WHERE id = %s",
                [offset, segment, rows[-1][0] if rows else clock.now(), queue_id],
            )
        return planted


def _make_partition(cur: Any, segment: int) -> None:
    cur.execute("SELECT to_regclass(%s)", [f"message_s{segment}"])
    if cur.fetchone()[0] is None:
        cur.execute(
            f"CREATE TABLE message_s{segment:d} PARTITION OF message FOR VALUES FROM ({segment:d}) TO ({segment + 1:d})"
        )
