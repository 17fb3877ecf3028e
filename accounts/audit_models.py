"""What the audit keeps: entries, the end of each account's chain, and reads that repeat themselves."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class AuditEntry(models.Model):
    """Who did what, from where, with what result. Written in the same transaction as the change, and never changed.

    The database gives `sequence` and `hash` when the transaction ends (migration 0006); both are null until then.
    """

    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT, related_name="audit_entries")
    at = models.DateTimeField(db_default=Now())
    actor = models.CharField(max_length=200)
    source_ip = models.CharField(max_length=45, blank=True, default="")
    action = models.CharField(max_length=64)
    resource = models.CharField(max_length=400)
    outcome = models.CharField(max_length=16, default="ok")
    detail = models.JSONField(default=dict)
    count = models.PositiveIntegerField(default=1, db_default=1)  # the same read, so many times
    digest = models.CharField(max_length=64, default="", db_default="")  # SHA-256 of all of the above but `at`, in hex
    sequence = models.BigIntegerField(null=True)  # from 1 in each account, without holes
    hash = models.CharField(max_length=64, default="", db_default="")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["account", "-id"], name="audit_newest_first"),
            models.Index(fields=["account", "actor", "-id"], name="audit_by_actor"),
            models.Index(fields=["account", "action", "-id"], name="audit_by_action"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["account", "sequence"], name="audit_sequence_once"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.resource}"


class AuditHead(models.Model):
    """The end of an account's chain, and where it begins since its oldest entries were dropped."""

    account = models.OneToOneField("accounts.Account", on_delete=models.PROTECT, related_name="audit_head")
    sequence = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    pruned_sequence = models.BigIntegerField(db_default=0)
    pruned_hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.account_id}: {self.sequence}"


class AuditRepeat(models.Model):
    """The same read again within a minute of its entry: counted here, written as one entry when it is over."""

    mark = models.CharField(max_length=64, unique=True)
    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT, related_name="+")
    actor = models.CharField(max_length=200)
    source_ip = models.CharField(max_length=45, blank=True)
    action = models.CharField(max_length=64)
    resource = models.CharField(max_length=400)
    detail = models.JSONField(default=dict)
    count = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["first_at"], name="audit_repeat_by_age")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.resource} × {self.count}"
