"""What the answers about instances, topics, groups and keys look like; the OpenAPI document shows them."""

from typing import Any

from rest_framework import serializers

from ..domain import names
from ..models import Group, Instance, Topic


class InstanceShape(serializers.ModelSerializer[Instance]):
    class Meta:
        model = Instance
        fields = ["name", "remark", "created_at"]


class TopicShape(serializers.ModelSerializer[Topic]):
    queues = serializers.IntegerField(source="queue_count")
    kind = serializers.ChoiceField(
        choices=Topic.Kind.choices,
        help_text="USER; RETRY and DEAD_LETTER for the two topics of a group; SYSTEM for traces of clients",
    )
    group = serializers.CharField(
        source="group.name",
        default=None,
        allow_null=True,
        help_text="the group a RETRY or DEAD_LETTER topic belongs to",
    )

    class Meta:
        model = Topic
        fields = ["name", "type", "kind", "queues", "remark", "group", "created_at", "updated_at"]


class GroupShape(serializers.ModelSerializer[Group]):
    backoff_seconds = serializers.ListField(
        child=serializers.IntegerField(), help_text="waits before attempts 2, 3, …; empty: the default levels"
    )
    retry_topic = serializers.SerializerMethodField()
    dead_letter_topic = serializers.SerializerMethodField()

    class Meta:
        model = Group
        fields = [
            "name",
            "order",
            "max_attempts",
            "invisible_seconds",
            "backoff_seconds",
            "start_from",
            "paused",
            "remoting_mode",
            "remark",
            "retry_topic",
            "dead_letter_topic",
            "created_at",
            "updated_at",
        ]

    def get_retry_topic(self, group: Group) -> str:
        return names.retry_topic(group.name)

    def get_dead_letter_topic(self, group: Group) -> str:
        return names.dead_letter_topic(group.name)


class KeyShape(serializers.Serializer[Any]):
    id = serializers.CharField(source="key_id")
    enabled = serializers.BooleanField()
    remark = serializers.CharField()
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="to the minute")
    last_used_from = serializers.CharField(help_text="an IP address")
    last_used_door = serializers.CharField(help_text="http or remoting")
    ends_at = serializers.DateTimeField(allow_null=True, help_text="refused from then on; null: it does not end")


class NewKeyShape(KeyShape):
    secret = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="shown this once; null when an Idempotency-Key asks for the same answer again",
    )


class CallerShape(serializers.Serializer[Any]):
    account = serializers.CharField()
    user = serializers.CharField()
    login = serializers.CharField(help_text="user@account")
    is_root = serializers.BooleanField()
    signed_in_by = serializers.ChoiceField(choices=["session", "access_key"])
    access_key_id = serializers.CharField(allow_null=True)
