"""What requests about messages, offsets, dead letters and operations may say."""

from datetime import UTC, datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..domain import limits, states
from .view import Boolean, Form, Integer, PageQuery, Text


class Instant(serializers.DateTimeField):
    """An instant with its zone. One without would mean another time to everybody."""

    def to_internal_value(self, value: Any) -> datetime:
        try:
            instant = datetime.fromisoformat(value) if isinstance(value, str) else None
            if instant is not None and instant.tzinfo is not None:
                return instant.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise serializers.ValidationError("must be an instant with its zone, like 2026-11-21T08:30:00Z")


@extend_schema_field({"type": "string", "pattern": "^[0-9]{1,19}$"})
class Number(serializers.CharField):
    """The number of a dead letter or an operation: a string of digits."""

    def to_internal_value(self, data: Any) -> int:  # type: ignore[override]  # read as text, kept as a number
        text = data if isinstance(data, str) else ""
        if not text.isascii() or not text.isdigit() or len(text) > 19 or not 0 < int(text) <= limits.INT64_MAX:
            raise serializers.ValidationError("must be a string of digits, as the list gave it")
        return int(text)


def _with_times(fields: Any) -> Any:  # Any: REST framework's ordered fields
    fields["from"] = Instant(required=False, source="start", help_text="included")
    fields["to"] = Instant(required=False, source="end", help_text="not included")
    return fields


class SearchQuery(PageQuery):
    topic = Text(required=False)
    key = Text(required=False)
    message_id = Text(required=False)
    tag = Text(required=False, help_text="one tag, or several as a||b")
    body = Text(required=False, help_text="a text in the body, letter by letter")

    def get_fields(self) -> Any:  # Any: as above
        return _with_times(super().get_fields())


class MessageQuery(Form):
    topic = Text(required=False, help_text="which one, when the same id was sent to several topics")


class DeadLetterFilter(Form):
    topic = Text(required=False, help_text="where the message came from")
    key = Text(required=False)
    tag = Text(required=False, help_text="one tag, or several as a||b")
    message_id = Text(required=False)
    error = Text(required=False, help_text="a part of the last error, whatever its case")
    failure = Text(required=False, help_text="a whole kind of failure")

    def get_fields(self) -> Any:  # Any: as above
        return _with_times(super().get_fields())


class DeadLetterCondition(DeadLetterFilter):
    state = serializers.ChoiceField(choices=["DEAD", "REPLAYED"], required=False)


class DeadLetterQuery(DeadLetterCondition, PageQuery):
    pass


class RedriveForm(Form):
    ids = serializers.ListField(
        child=Number(), required=False, min_length=1, max_length=limits.REDRIVE_ID_COUNT, help_text="these dead letters"
    )
    filter = DeadLetterFilter(required=False, help_text="all that wait and match; {} is all. Give ids or filter.")
    destination = Text(
        required=False,
        default="origin",
        help_text="origin: back to this group alone, as a first attempt. topic:<name>: published there for every group",
    )
    rate = Integer(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=limits.REDRIVE_RATE_MAX_PER_SECOND,
        help_text="messages a second; null: as fast as it goes",
    )
    dry_run = Boolean(required=False, default=False, help_text="only say what would be taken")


class ResetForm(Form):
    topic = Text()
    to = serializers.ChoiceField(choices=["earliest", "latest", "time", "offset"])
    value = serializers.JSONField(
        required=False,
        allow_null=True,
        help_text="time: an instant; offset: one number for every queue, or an object from queue to offset",
    )
    settled = serializers.DictField(
        child=serializers.ListField(child=serializers.ListField(child=Integer(), min_length=2, max_length=2)),
        required=False,
        help_text="with offset: by queue, ranges [first, behind the last] above it that the group does not want",
    )
    dry_run = Boolean(required=False, default=False, help_text="only say what would be moved")


class OperationQuery(PageQuery):
    group = Text(required=False)
    state = serializers.ChoiceField(choices=[state.value for state in states.OperationState], required=False)


class EntryQuery(PageQuery):
    outcome = serializers.ChoiceField(choices=["MOVED", "SKIPPED", "FAILED"], required=False)
