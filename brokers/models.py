"""Control-plane rows: what an operator creates and changes. Messages are not here; see `brokers.store`.

The tables of messages, cursors and pending deliveries are made by SQL migrations and touched by `brokers.store` alone.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from accounts.models import AccessKey, Account

from .domain import limits, quotas, states


class Instance(models.Model):
    """A name space of topics and groups that belongs to one account."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="instances")
    name = models.CharField(max_length=limits.INSTANCE_NAME_CHARS)
    remark = models.CharField(max_length=limits.REMARK_CHARS, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Not across accounts: a name that is taken would tell of somebody else's instance.
            models.UniqueConstraint(fields=["account", "name"], name="instance_name_unique_in_account"),
        ]

    def __str__(self) -> str:
        return self.name


class Topic(models.Model):
    """A named stream of messages, spread over queues. Retry and dead-letter topics belong to a group, system topics to
    the server: clients of a protocol expect them.
    """

    class Type(models.TextChoices):
        NORMAL = "NORMAL"
        FIFO = "FIFO"
        DELAY = "DELAY"
        TRANSACTION = "TRANSACTION"

    class Kind(models.TextChoices):
        USER = "USER"
        RETRY = "RETRY"
        DEAD_LETTER = "DEAD_LETTER"
        SYSTEM = "SYSTEM"

    # Kinds that go with a group: made, changed and deleted with it.
    GROUPS_OWN = (Kind.RETRY, Kind.DEAD_LETTER)

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="topics")
    name = models.CharField(max_length=limits.DERIVED_TOPIC_NAME_CHARS)
    type = models.CharField(max_length=16, choices=Type.choices, default=Type.NORMAL)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.USER)
    queue_count = models.PositiveSmallIntegerField(default=8)
    remark = models.CharField(max_length=limits.REMARK_CHARS, blank=True, default="")
    group = models.ForeignKey(
        "Group", on_delete=models.CASCADE, null=True, related_name="derived_topics", db_constraint=True
    )
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["instance", "name"], name="topic_name_unique_in_instance"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["USER", "SYSTEM"], group__isnull=True)
                | ~models.Q(kind__in=["USER", "SYSTEM"]) & models.Q(group__isnull=False),
                name="topic_derived_iff_group",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Queue(models.Model):
    """One ordered log of a topic. The store alone changes `next_offset`, `min_offset`, `segment`, `last_stored_at`."""

    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, related_name="queues")
    number = models.PositiveSmallIntegerField()
    next_offset = models.BigIntegerField(db_default=0)
    min_offset = models.BigIntegerField(db_default=0)
    segment = models.IntegerField(db_default=-1)
    last_stored_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["topic", "number"], name="queue_number_unique_in_topic"),
        ]

    def __str__(self) -> str:
        return f"{self.topic_id}/{self.number}"


class Group(models.Model):
    """A consumer group: its members share the messages of the topics it receives from."""

    class Order(models.TextChoices):
        CONCURRENT = "CONCURRENT"
        FIFO = "FIFO"

    class StartFrom(models.TextChoices):
        EARLIEST = "EARLIEST"
        LATEST = "LATEST"

    class RemotingMode(models.TextChoices):
        PULL = "PULL"
        POP = "POP"

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="groups")
    name = models.CharField(max_length=limits.GROUP_NAME_CHARS)
    order = models.CharField(max_length=16, choices=Order.choices, default=Order.CONCURRENT)
    max_attempts = models.PositiveSmallIntegerField(default=limits.DEFAULT_MAX_ATTEMPTS)
    invisible_seconds = models.PositiveIntegerField(default=limits.DEFAULT_INVISIBLE_SECONDS)
    # Waits before attempts 2, 3, …; the last one repeats. Empty: the default levels of `domain.retry`.
    backoff_seconds = ArrayField(models.PositiveIntegerField(), default=list, blank=True)
    start_from = models.CharField(max_length=16, choices=StartFrom.choices, default=StartFrom.EARLIEST)
    paused = models.BooleanField(default=False)
    # How RocketMQ's clients consume when they leave that to the server. A database default: older processes go on.
    remoting_mode = models.CharField(
        max_length=4, choices=RemotingMode.choices, default=RemotingMode.PULL, db_default=RemotingMode.PULL
    )
    remark = models.CharField(max_length=limits.REMARK_CHARS, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["instance", "name"], name="group_name_unique_in_instance"),
        ]

    def __str__(self) -> str:
        return self.name


class ProducerGroup(models.Model):
    """Producers that answer for one another's transactions. Made by the first half message that names it.

    A setting that is None is the server's own. The two totals are the store's (`sql/halves.sql`).
    """

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="producer_groups")
    name = models.CharField(max_length=limits.GROUP_NAME_CHARS)
    immunity_seconds = models.PositiveIntegerField(null=True)  # from the half message to its first check
    interval_seconds = models.PositiveIntegerField(null=True)  # from one check to the next
    max_checks = models.PositiveIntegerField(null=True)  # then the half message is discarded
    webhook_url = models.CharField(max_length=limits.WEBHOOK_URL_CHARS, blank=True, default="", db_default="")
    # Signs what is posted there; sealed with the master key (accounts.vault).
    webhook_nonce = models.BinaryField(default=b"", db_default=b"")
    webhook_secret = models.BinaryField(default=b"", db_default=b"")
    check_count = models.BigIntegerField(default=0, db_default=0)
    discard_count = models.BigIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["instance", "name"], name="producer_group_name_unique_in_instance"),
        ]

    def __str__(self) -> str:
        return self.name


class CatalogVersion(models.Model):
    """One row, raised by every change of topics, groups or instances: tells processes to drop what they cached."""

    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)


class ClientSetting(models.Model):
    """A value that clients of a protocol keep with the server, by name space and name; the server does not read it."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="client_settings")
    namespace = models.CharField(max_length=limits.CLIENT_SETTING_NAME_CHARS)
    name = models.CharField(max_length=limits.CLIENT_SETTING_NAME_CHARS)
    value = models.TextField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["account", "namespace", "name"], name="client_setting_name_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class QuotaSetting(models.Model):
    """A limit somebody set, on the account itself, on an instance, or on an access key."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="quota_settings")
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, null=True, related_name="quota_settings")
    key = models.ForeignKey(AccessKey, on_delete=models.CASCADE, null=True, related_name="+")
    quota = models.CharField(max_length=32, choices=[(one.value, one.value) for one in quotas.Quota])
    value = models.BigIntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["account", "instance", "key", "quota"], name="quota_set_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=models.Q(instance__isnull=True) | models.Q(key__isnull=True), name="quota_one_scope"
            ),
            models.CheckConstraint(condition=models.Q(value__gte=0), name="quota_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.quota} {self.value}"


class Backlog(models.Model):
    """How many bytes of an instance waited for consumers when a broker worker looked last."""

    instance = models.OneToOneField(Instance, on_delete=models.CASCADE, related_name="backlog")
    message_count = models.BigIntegerField()
    byte_count = models.BigIntegerField()
    is_full = models.BooleanField(default=False)  # the limit of the instance, or that of its account, is reached
    sampled_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.instance_id}: {self.byte_count}"


class Operation(models.Model):
    """A long job somebody asked for (a redrive): durable, with counts that add up, pausable and resumable."""

    class Kind(models.TextChoices):
        REDRIVE = "REDRIVE"

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="operations")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="operations")
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.REDRIVE)
    state = models.CharField(
        max_length=16, choices=[(s.value, s.value) for s in states.OperationState], default=states.OperationState.QUEUED
    )
    selection = models.JSONField(default=dict)  # which dead letters: ids, or a filter
    destination = models.JSONField(default=dict)  # {"kind": "origin"} or {"kind": "topic", "topic": name}
    rate_per_second = models.PositiveIntegerField(null=True)  # None: as fast as batches go
    matched_count = models.BigIntegerField(default=0)
    moved_count = models.BigIntegerField(default=0)
    skipped_count = models.BigIntegerField(default=0)
    failed_count = models.BigIntegerField(default=0)
    upper_id = models.BigIntegerField(default=0)  # dead letters newer than this one are not touched
    position = models.BigIntegerField(default=0)  # the last dead letter dealt with
    error = models.TextField(blank=True, default="")
    requested_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["instance", "-id"], name="operation_newest_first"),
            models.Index(fields=["state"], name="operation_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class IdempotentResponse(models.Model):
    """What a management POST answered to an `Idempotency-Key`, kept for a day."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE)
    key = models.CharField(max_length=limits.IDEMPOTENCY_KEY_CHARS)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)  # None while the first request is still running
    body = models.TextField(default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["account", "key"], name="idempotency_key_unique_in_account"),
        ]

    def __str__(self) -> str:
        return self.key
