"""Planting dead letters, in the thousands if need be, without failing each message first."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from brokers.domain import clock
from brokers.models import Group, Topic
from tests.integration.reads.world import World


def dig(world: World, group: Group, graves: Sequence[Mapping[str, Any]]) -> list[int]:
    """Writes dead letters and returns their numbers. Fields: those of the table; `topic` is a name."""
    columns = (
        "group_id, topic_id, topic_name, queue_id, queue_offset, message_id, tag, keys, properties, body, sys_flag,"
        " body_crc, born_at_ms, born_host, attempts, error, client_id, died_at, state, replayed_at"
    )
    topics = {t.name: t.pk for t in Topic.objects.filter(instance=world.instance)}
    with connection.cursor() as cur:
        cur.execute("SELECT coalesce(max(queue_offset), -1) + 1 FROM dead_letter WHERE group_id = %s", [group.pk])
        first = cur.fetchone()[0]
        rows = []
        for number, grave in enumerate(graves, first):
            name = grave.get("topic", "orders")
            if name not in topics:
                topics[name] = world.topic(name).pk
            body = grave.get("body", b"hello")
            state = grave.get("state", "DEAD")
            rows.append(
                (
                    group.pk,
                    topics[name],
                    name,
                    0,
                    number,
                    grave.get("message_id", f"D{number:06d}"),
                    grave.get("tag"),
                    grave.get("keys"),
                    grave.get("properties"),
                    body,
                    grave.get("sys_flag", 0),
                    zlib.crc32(body),
                    0,
                    "",
                    3,
                    grave.get("error", "boom"),
                    "tester",
                    grave.get("died_at", clock.now()),
                    state,
                    clock.now() if state == "REPLAYED" else None,
                )
            )
        marks = ", ".join(["%s"] * 20)
        cur.executemany(f"INSERT INTO dead_letter ({columns}) VALUES ({marks})", rows)
        cur.execute(
            "SELECT id FROM dead_letter WHERE group_id = %s AND queue_offset >= %s ORDER BY id", [group.pk, first]
        )
        return [number for (number,) in cur.fetchall()]
