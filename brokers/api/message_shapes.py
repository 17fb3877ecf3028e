"""What the answers about messages, offsets, dead letters and operations look like.

Numbers of dead letters and operations are names, so they are strings; offsets and counts are numbers: a queue would
have to take a million messages a second for 285 years to need more than a JSON number holds.
"""

import base64
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from ..domain import clock, previews
from ..domain.messages import SHARDING_KEY
from ..models import Operation

_COMPLETENESS = ["complete", "truncated", "unknown"]


class Millis(serializers.DateTimeField):
    """An instant kept as milliseconds since 1970."""

    def to_representation(self, value: int) -> str | None:  # type: ignore[override]  # what is kept is a number
        return super().to_representation(clock.from_ms(value))


class HitShape(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["STORED", "SCHEDULED", "RETRYING", "DEAD", "REPLAYED"])
    topic = serializers.CharField()
    queue = serializers.IntegerField(allow_null=True)
    offset = serializers.IntegerField(allow_null=True)
    group = serializers.CharField(allow_null=True, help_text="whose retry or dead letter this is")
    message_id = serializers.CharField()
    tag = serializers.CharField(allow_null=True)
    keys = serializers.ListField(child=serializers.CharField())
    at = serializers.DateTimeField(help_text="when it was stored, parked or buried")
    due_at = serializers.DateTimeField(allow_null=True)
    attempts = serializers.IntegerField(source="tries", help_text="failed deliveries so far")
    born_at = Millis(source="born_at_ms")
    body_size = serializers.IntegerField(help_text="bytes")
    head = serializers.CharField(allow_null=True, help_text="the beginning of the body; null when it is not text")


class CopyShape(serializers.Serializer[Any]):
    topic = serializers.CharField()
    kind = serializers.CharField()
    queue = serializers.IntegerField()
    offset = serializers.IntegerField()
    stored_at = serializers.DateTimeField()
    attempts = serializers.IntegerField(source="reconsume_times", help_text="failed deliveries before this copy")


class WaitingShape(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["SCHEDULED", "RETRY"])
    topic = serializers.CharField()
    due_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    attempts = serializers.IntegerField(source="reconsume_times")


class RecalledShape(serializers.Serializer[Any]):
    message_id = serializers.CharField()
    due_at = Millis(source="due_ms", help_text="when it would have been delivered")


class AttemptShape(serializers.Serializer[Any]):
    group = serializers.CharField()
    topic = serializers.CharField()
    attempt = serializers.IntegerField(help_text="1 is the first delivery")
    outcome = serializers.ChoiceField(choices=["REFUSED", "EXPIRED"])
    client_id = serializers.CharField()
    error = serializers.CharField()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField()
    next_at = serializers.DateTimeField(allow_null=True, help_text="null: that was the last attempt")


class StandingShape(serializers.Serializer[Any]):
    group = serializers.CharField()
    topic = serializers.CharField()
    state = serializers.CharField(
        help_text="IN_FLIGHT, RETRYING, WAITING, DEAD, REPLAYED, ACKNOWLEDGED, FILTERED or SETTLED"
    )
    attempt = serializers.IntegerField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    held_by = serializers.CharField(allow_null=True)
    held_until = serializers.DateTimeField(allow_null=True)
    dead_letter_id = serializers.CharField(allow_null=True)
    replayed_at = serializers.DateTimeField(allow_null=True)


class DeadTraceShape(serializers.Serializer[Any]):
    id = serializers.CharField()
    topic = serializers.CharField()
    attempts = serializers.IntegerField()
    error = serializers.CharField()
    client_id = serializers.CharField()
    died_at = serializers.DateTimeField()
    state = serializers.ChoiceField(choices=["DEAD", "REPLAYED"])
    replayed_at = serializers.DateTimeField(allow_null=True)
    replayed_by = serializers.CharField(allow_null=True, help_text="the operation")


class ContentShape(serializers.Serializer[Any]):
    """What a message carries. A body that is UTF-8 comes as `body`, any other as `body_base64`."""

    message_id = serializers.CharField()
    tag = serializers.CharField(allow_null=True)
    keys = serializers.ListField(child=serializers.CharField())
    properties = serializers.DictField(child=serializers.CharField())
    sharding_key = serializers.CharField(required=False)
    born_at = serializers.DateTimeField()
    born_host = serializers.CharField()
    body = serializers.CharField(required=False)
    body_base64 = serializers.CharField(required=False)
    body_size = serializers.IntegerField(help_text="bytes as stored")
    is_intact = serializers.BooleanField(allow_null=True, help_text="whether the checksum fits; null: none was kept")


class MessageShape(ContentShape):
    topics = serializers.ListField(child=serializers.CharField())
    copies = CopyShape(many=True)
    waiting = WaitingShape(many=True)
    dead_letters = DeadTraceShape(many=True)
    attempts = AttemptShape(many=True)
    groups = StandingShape(many=True)
    complete = serializers.BooleanField(help_text="false when there is more of the trace than is shown")
    leases_known = serializers.BooleanField(
        help_text="false when Redis could not say what is in flight: that shows as WAITING"
    )


class DeadLetterShape(serializers.Serializer[Any]):
    id = serializers.CharField()
    state = serializers.ChoiceField(choices=["DEAD", "REPLAYED"])
    topic = serializers.CharField(help_text="where the message came from")
    message_id = serializers.CharField()
    tag = serializers.CharField(allow_null=True)
    keys = serializers.ListField(child=serializers.CharField())
    attempts = serializers.IntegerField()
    error = serializers.CharField(help_text="of the last attempt")
    client_id = serializers.CharField()
    born_at = Millis(source="born_at_ms")
    died_at = serializers.DateTimeField()
    replayed_at = serializers.DateTimeField(allow_null=True)
    replayed_by = serializers.CharField(allow_null=True, help_text="the operation")
    body_size = serializers.IntegerField(help_text="bytes")
    head = serializers.SerializerMethodField()

    def get_head(self, letter: Any) -> str | None:  # Any: engine.dead_letters.DeadLetter
        return previews.head_text(letter.head, letter.sys_flag)


class OpenedDeadLetterShape(DeadLetterShape):
    properties = serializers.DictField(child=serializers.CharField())
    sharding_key = serializers.CharField(required=False)
    born_host = serializers.CharField()
    body = serializers.CharField(required=False)
    body_base64 = serializers.CharField(required=False)
    is_intact = serializers.BooleanField(allow_null=True)


class CountShape(serializers.Serializer[Any]):
    count = serializers.IntegerField(source="number")
    completeness = serializers.ChoiceField(choices=_COMPLETENESS)
    scanned = serializers.IntegerField()


class QueueProgressShape(serializers.Serializer[Any]):
    queue = serializers.IntegerField()
    min_offset = serializers.IntegerField(help_text="the oldest message kept")
    next_offset = serializers.IntegerField(help_text="what the next message will get")
    committed = serializers.IntegerField(help_text="all before it are settled")
    lag = serializers.IntegerField()
    oldest_age_seconds = serializers.SerializerMethodField()
    blocked_until = serializers.DateTimeField(allow_null=True, help_text="FIFO: when the head may come again")

    def get_oldest_age_seconds(self, row: Any) -> float | None:  # Any: engine.offsets' row of a queue
        return 0.0 if row.lag == 0 else row.oldest_seconds


class TopicProgressShape(serializers.Serializer[Any]):
    topic = serializers.CharField()
    kind = serializers.CharField()
    lag = serializers.IntegerField(help_text="messages not settled")
    oldest_age_seconds = serializers.FloatField(allow_null=True, help_text="null: not known")
    acked_count = serializers.IntegerField()
    expired_count = serializers.IntegerField(help_text="dropped by retention before they were settled")
    filter = serializers.CharField(allow_null=True)
    queues = QueueProgressShape(many=True)


class ProgressShape(serializers.Serializer[Any]):
    lag = serializers.IntegerField()
    oldest_age_seconds = serializers.FloatField(allow_null=True, help_text="null: not known")
    retrying = serializers.IntegerField(help_text="messages that wait for their back-off")
    dead = serializers.IntegerField(help_text="dead letters nobody replayed")
    in_flight = serializers.IntegerField(allow_null=True, help_text="at most so many; null: Redis cannot say")
    acked_count = serializers.IntegerField()
    expired_count = serializers.IntegerField()
    last_activity = serializers.DateTimeField(allow_null=True)
    topics = TopicProgressShape(many=True)


class QueueResetShape(serializers.Serializer[Any]):
    queue = serializers.IntegerField()
    min_offset = serializers.IntegerField()
    next_offset = serializers.IntegerField()
    now = serializers.IntegerField(allow_null=True, help_text="null: the group never read there")
    target = serializers.IntegerField()
    delta = serializers.IntegerField(allow_null=True)


class ResetShape(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField(source="is_dry_run")
    queues = QueueResetShape(many=True)
    again_count = serializers.IntegerField(help_text="messages the group gets once more, at most")
    skipped_count = serializers.IntegerField(help_text="messages the group will not get, at most")


class UndoShape(serializers.Serializer[Any]):
    topic = serializers.CharField()
    to = serializers.CharField()
    value = serializers.DictField(child=serializers.IntegerField())
    settled = serializers.DictField(
        child=serializers.ListField(
            child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
        ),
        help_text="by queue, what was acknowledged out of order: ranges [first, behind the last]",
    )


class ResetAnswerShape(ResetShape):
    undo = UndoShape(
        allow_null=True,
        help_text="the body of the request that puts the group back where it was; null: nothing to undo",
    )


class OperationShape(serializers.ModelSerializer[Operation]):
    id = serializers.CharField()
    group = serializers.CharField(source="group.name")
    rate = serializers.IntegerField(source="rate_per_second", allow_null=True, help_text="messages a second")
    matched = serializers.IntegerField(source="matched_count")
    moved = serializers.IntegerField(source="moved_count")
    skipped = serializers.IntegerField(source="skipped_count")
    failed = serializers.IntegerField(source="failed_count")
    selection = serializers.DictField()
    destination = serializers.DictField(child=serializers.CharField())

    class Meta:
        model = Operation
        fields = [
            "id",
            "kind",
            "state",
            "group",
            "selection",
            "destination",
            "rate",
            "matched",
            "moved",
            "skipped",
            "failed",
            "error",
            "requested_by",
            "created_at",
            "started_at",
            "finished_at",
        ]


class EntryShape(serializers.Serializer[Any]):
    dead_letter_id = serializers.CharField()
    message_id = serializers.CharField(allow_null=True)
    outcome = serializers.ChoiceField(choices=["MOVED", "SKIPPED", "FAILED"])
    detail = serializers.CharField()
    at = serializers.DateTimeField()
    topic = serializers.CharField(allow_null=True, help_text="where the new copy stands")
    queue = serializers.IntegerField(allow_null=True)
    offset = serializers.IntegerField(allow_null=True)


class PreviewShape(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="dead letters a replay would take now")
    samples = DeadLetterShape(many=True)
    destination = serializers.DictField(child=serializers.CharField())


def body_members(raw: bytes) -> dict[str, str]:
    """Returns `body` for bytes that are UTF-8, else `body_base64`."""
    try:
        return {"body": raw.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(raw).decode()}


def property_members(properties: Mapping[str, str]) -> dict[str, Any]:  # Any: JSON values
    """Returns `properties`, and `sharding_key` apart when there is one."""
    if SHARDING_KEY not in properties:
        return {"properties": dict(properties)}
    others = {name: value for name, value in properties.items() if name != SHARDING_KEY}
    return {"properties": others, "sharding_key": properties[SHARDING_KEY]}
