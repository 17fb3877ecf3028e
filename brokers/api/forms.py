"""What requests about instances, topics, groups and keys may say. Ranges are judged by `catalog.actions`."""

from rest_framework import serializers

from accounts import limits as account_limits

from ..domain import limits
from ..models import Group, Topic
from .view import Boolean, Form, Integer, PageQuery, Text


class InstanceForm(Form):
    name = Text(max_length=limits.INSTANCE_NAME_CHARS)
    remark = Text(required=False, max_length=limits.REMARK_CHARS)


class InstanceChange(Form):
    remark = Text(required=False, max_length=limits.REMARK_CHARS)


class TopicForm(Form):
    name = Text(max_length=limits.TOPIC_NAME_CHARS)
    type = serializers.ChoiceField(choices=Topic.Type.choices, required=False, default=Topic.Type.NORMAL)
    queues = Integer(required=False, min_value=1, max_value=limits.QUEUE_COUNT_MAX, default=limits.QUEUE_COUNT_DEFAULT)
    remark = Text(required=False, max_length=limits.REMARK_CHARS, default="")


class TopicChange(Form):
    queues = Integer(required=False, min_value=1, max_value=limits.QUEUE_COUNT_MAX, help_text="can only grow")
    remark = Text(required=False, max_length=limits.REMARK_CHARS)


class TopicQuery(PageQuery):
    search = Text(required=False, max_length=limits.DERIVED_TOPIC_NAME_CHARS, help_text="part of the name")
    kind = serializers.ChoiceField(choices=Topic.Kind.choices, required=False, default=Topic.Kind.USER)
    type = serializers.ChoiceField(choices=Topic.Type.choices, required=False)


class GroupChange(Form):
    max_attempts = Integer(required=False, min_value=1, max_value=limits.MAX_ATTEMPTS)
    invisible_seconds = Integer(
        required=False, min_value=limits.INVISIBLE_MIN_SECONDS, max_value=limits.INVISIBLE_MAX_SECONDS
    )
    backoff_seconds = serializers.ListField(
        child=Integer(min_value=0, max_value=limits.BACKOFF_MAX_SECONDS),
        required=False,
        max_length=limits.BACKOFF_STEP_COUNT,
        help_text="waits before attempts 2, 3, …; the last one repeats; empty: the default levels",
    )
    paused = Boolean(required=False, help_text="a paused group receives nothing until it is resumed")
    remoting_mode = serializers.ChoiceField(
        choices=Group.RemotingMode.choices,
        required=False,
        help_text="how RocketMQ clients without clientRebalance consume: PULL shares out queues, POP leases messages",
    )
    remark = Text(required=False, max_length=limits.REMARK_CHARS)


class GroupForm(GroupChange):
    name = Text(max_length=limits.GROUP_NAME_CHARS)
    order = serializers.ChoiceField(choices=Group.Order.choices, required=False)
    start_from = serializers.ChoiceField(
        choices=Group.StartFrom.choices,
        required=False,
        help_text="where the group begins in a topic it has never received from",
    )


class GroupQuery(PageQuery):
    search = Text(required=False, max_length=limits.DERIVED_TOPIC_NAME_CHARS, help_text="part of the name")


class DeletionQuery(Form):
    force = serializers.BooleanField(
        required=False, default=False, help_text="delete although messages wait that will be lost"
    )


class KeyForm(Form):
    remark = Text(required=False, max_length=200, default="")


class RotateForm(Form):
    overlap_seconds = Integer(
        required=False,
        default=24 * 3600,
        min_value=0,
        max_value=account_limits.KEY_OVERLAP_SECONDS,
        help_text="how long the old key is good yet",
    )


class KeyChange(Form):
    enabled = Boolean(required=False)
    remark = Text(required=False, max_length=200)
