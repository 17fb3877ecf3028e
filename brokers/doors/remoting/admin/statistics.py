"""How much and how old: what a topic took of late, and between which instants a group is.

Owns: those answers. Must not know: logs, cursors. Called by: doors.remoting.admin.
Source: apache/rocketmq broker/.../processor/AdminBrokerProcessor.java (queryConsumeTimeSpan, queryCorrectionOffset,
ViewBrokerStatsData), common/.../stats/StatsItem.java.
"""

from typing import Any

from ....catalog import access
from ....dispatch import bridge
from ....domain import limits
from ....engine import figures
from ....protocols.remoting import bodies
from ....protocols.remoting.codes import Reply
from ....protocols.remoting.frames import Command
from .. import names
from ..call import BROKER_NAME, Call

_PUT_COUNT = "TOPIC_PUT_NUMS"
_MINUTE_SECONDS, _HOUR_SECONDS, _DAY_SECONDS = 60, 3600, 86400


async def of_topic(call: Call) -> Command:
    """315: how many messages a topic took in the last minute, hour and day. Nothing else is kept by name."""
    name, key = bodies.text(call.fields, "statsName"), bodies.text(call.fields, "statsKey")
    if name != _PUT_COUNT:
        return call.reply(
            Reply.SYSTEM_ERROR,
            remark=f"The stats <{name}> <{key}> not exist; here is {_PUT_COUNT}, and more in the console and /metrics.",
        )
    topic, _ = await names.topic(call.actor, key, "mq:QueryTopic")
    spans = (_MINUTE_SECONDS, _HOUR_SECONDS, _DAY_SECONDS)
    counts = await bridge.run(figures.sent_within, topic.id, spans)
    minute, hour, day = (_item(count, seconds) for count, seconds in zip(counts, spans, strict=True))
    return call.reply(body=bodies.write({"statsMinute": minute, "statsHour": hour, "statsDay": day}))


async def time_spans(call: Call) -> Command:
    """303: for each queue of a topic the time of its first and last message, and of the last one a group is past."""
    group, _ = await names.group(call.actor, bodies.text(call.fields, "group"), "mq:QueryConsumerOffset")
    written = bodies.text(call.fields, "topic")
    topic, _ = await names.topic(call.actor, written, "mq:QueryTopic")
    found = await bridge.run(figures.time_spans, group.id, topic.id)
    spans = [
        {
            "messageQueue": {"topic": written, "brokerName": BROKER_NAME, "queueId": span.queue},
            "minTimeStamp": span.first_ms,
            "maxTimeStamp": span.last_ms,
            "consumeTimeStamp": span.past_ms,
            "delayTime": span.waits_ms,
        }
        for span in found
    ]
    return call.reply(body=bodies.write({"consumeTimeSpanSet": spans}))


async def corrections(call: Call) -> Command:
    """308: for each queue of a topic how far the slowest group is, of those not left out.

    The largest number there is stands for a queue in which `compareGroup` is behind that.
    """
    topic, _ = await names.topic(call.actor, bodies.text(call.fields, "topic"), "mq:QueryTopic")
    left_out = {
        (await names.parse(call.actor, one)).bare for one in call.fields.get("filterGroups", "").split(",") if one
    }
    compared = (await names.parse(call.actor, bodies.text(call.fields, "compareGroup"))).bare
    shows = await bridge.run(access.filter_of, call.actor, topic.instance, "mq:QueryConsumerOffset")
    slowest: dict[int, int] = {}
    own: dict[int, int] = {}
    for row in await bridge.run(figures.cursors_of, topic.id):
        if shows is not None and not shows(row.group):
            continue
        if row.group == compared:
            own[row.queue] = row.committed
        if row.group not in left_out and row.committed >= row.min_offset:
            slowest[row.queue] = min(slowest.get(row.queue, row.committed), row.committed)
    for queue, committed in own.items():
        if slowest.get(queue, 0) > committed:
            slowest[queue] = limits.INT64_MAX
    return call.reply(body=bodies.write({"correctionOffsets": {str(queue): n for queue, n in slowest.items()}}))


def _item(count: int, seconds: int) -> dict[str, Any]:  # Any: JSON values
    # What went in at once, on average: each message counts for itself.
    return {"sum": count, "tps": round(count / seconds, 2), "avgpt": 1.0 if count else 0.0}
