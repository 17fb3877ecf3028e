"""Roles: rights that people take on for a while, instead of having them."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Role(models.Model):
    """A named set of policies in an account, to be taken on for a while by those it trusts."""

    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT, related_name="roles")
    name = models.CharField(max_length=64)
    remark = models.CharField(max_length=200, blank=True, default="")
    max_seconds = models.PositiveIntegerField(default=3600)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["account", "name"], name="role_name_unique_in_account"),
        ]

    def __str__(self) -> str:
        return self.name


class RoleTrust(models.Model):
    """Somebody a role trusts. `user` is null for a login nobody had when it was written: it stays without effect."""

    role = models.ForeignKey(Role, on_delete=models.CASCADE, related_name="trusts")
    login = models.CharField(max_length=130)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, null=True, related_name="role_trusts")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["role", "login"], name="role_trusts_once"),
        ]

    def __str__(self) -> str:
        return f"{self.role_id} trusts {self.login}"


class RoleSession(models.Model):
    """Somebody acts in a role until `ends_at`, in the console or with the key. The secret is sealed as any key's."""

    role = models.ForeignKey(Role, on_delete=models.CASCADE, related_name="sessions")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="role_sessions")
    reason = models.CharField(max_length=200, blank=True, default="")
    source_ip = models.CharField(max_length=45, blank=True, default="")
    key_id = models.CharField(max_length=40, unique=True, null=True)
    secret_nonce = models.BinaryField(null=True)
    secret_ciphertext = models.BinaryField(null=True)
    started_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["role", "-id"], name="role_session_newest")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.role_id} until {self.ends_at}"
