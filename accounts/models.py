"""People and their credentials: account (the master), its users, their AccessKeys, and what they did."""

from datetime import datetime
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Now

from .audit_models import AuditEntry as AuditEntry
from .audit_models import AuditHead as AuditHead
from .audit_models import AuditRepeat as AuditRepeat
from .role_models import Role as Role
from .role_models import RoleSession as RoleSession
from .role_models import RoleTrust as RoleTrust
from .use_models import GrantUse as GrantUse

PUBLIC_ID_CHARS = 16  # of a session


class Account(models.Model):
    """A tenant. Everything an instance holds belongs to exactly one account."""

    name = models.SlugField(max_length=64, unique=True)
    # Nobody signs in to the console with a password alone.
    requires_second_factor = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


class People(BaseUserManager["User"]):
    """Looks users up by `login`, which is what Django's authentication asks for. They are made in `people`."""


class User(AbstractBaseUser):
    """A person or a program that signs in: the account's root user or a sub-account.

    `login` is `name@account` and is what Django looks users up by; people type name and account apart.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="users")
    name = models.CharField(max_length=64)
    login = models.CharField(max_length=130, unique=True)
    is_root = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    language = models.CharField(max_length=10, blank=True, default="")
    timezone = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())

    USERNAME_FIELD = "login"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar["People"] = People()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["account", "name"], name="user_name_unique_in_account"),
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(is_root=True), name="user_one_root_an_account"
            ),
        ]

    def __str__(self) -> str:
        return self.login

    @property
    def last_used_at(self) -> datetime | None:
        """Returns when this user last signed in or used a key, None for never. Wants `access_keys` to be fetched."""
        times = [self.last_login, *(key.last_used_at for key in self.access_keys.all())]
        return max((instant for instant in times if instant is not None), default=None)


class ConsoleSession(AbstractBaseSession):
    """A browser that is signed in, or about to be. `session_key` is the SHA-256 of the key in its cookie."""

    session_key = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="sessions")
    source_ip = models.CharField(max_length=45, blank=True, default="")
    agent = models.CharField(max_length=200, blank=True, default="")
    has_second_factor = models.BooleanField(default=False)
    signed_in_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField()

    class Meta(AbstractBaseSession.Meta):
        abstract = False

    @classmethod
    def get_session_store_class(cls) -> "type[SessionBase]":
        from .session_store import SessionStore

        return SessionStore

    @property
    def public_id(self) -> str:
        """Returns a name that may be shown: from it nobody gets at the key."""
        return self.session_key[:PUBLIC_ID_CHARS]


class SecondFactor(models.Model):
    """What proves a person beside the password: an authenticator app (TOTP) or a passkey (WebAuthn)."""

    class Kind(models.TextChoices):
        TOTP = "totp"
        PASSKEY = "passkey"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="second_factors")
    kind = models.CharField(max_length=16, choices=Kind)
    name = models.CharField(max_length=64, blank=True, default="")
    # An app shares a secret with us, sealed by the vault; a time step counts once.
    secret_nonce = models.BinaryField(default=b"")
    secret_ciphertext = models.BinaryField(default=b"")
    last_step = models.BigIntegerField(default=0)
    # A passkey shows that it holds the private half; it is bound to the host name it was made under.
    credential_id = models.BinaryField(max_length=1023, null=True, unique=True)
    credential = models.BinaryField(default=b"")
    host = models.CharField(max_length=253, blank=True, default="")
    sign_count = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(kind="totp"), name="second_factor_one_app_a_user"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="totp") ^ models.Q(credential_id__isnull=False),
                name="second_factor_passkey_has_credential",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class RecoveryCode(models.Model):
    """A code that stands in for a second factor, once. Only a keyed hash of it is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.BinaryField(max_length=32, unique=True)

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class Invitation(models.Model):
    """A link with which somebody sets the password of a user, once. Only the SHA-256 of its secret is kept."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="invitation")
    digest = models.BinaryField(max_length=32, unique=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"invitation of {self.user_id}"


class ExternalIdentity(models.Model):
    """Whom an OpenID provider means: its `sub` is one user of an account."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="external_identities")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="external_identities")
    issuer = models.CharField(max_length=400)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["account", "issuer", "subject"], name="external_identity_one_user_a_subject"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class AccessKey(models.Model):
    """A key pair for programs. The secret is stored encrypted because signatures need it back."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="access_keys")
    key_id = models.CharField(max_length=40, unique=True)
    secret_nonce = models.BinaryField()
    secret_ciphertext = models.BinaryField()
    enabled = models.BooleanField(default=True)
    remark = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.CharField(max_length=45, blank=True, default="")
    last_used_door = models.CharField(max_length=16, blank=True, default="", db_default="")  # http, remoting
    ends_at = models.DateTimeField(null=True)  # refused from then on: another key takes its place

    def __str__(self) -> str:
        return self.key_id


class UserGroup(models.Model):
    """Users of one account who share policies."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="user_groups")
    name = models.CharField(max_length=64)
    remark = models.CharField(max_length=200, blank=True, default="")
    members = models.ManyToManyField(User, related_name="user_groups")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["account", "name"], name="user_group_name_unique_in_account"),
        ]

    def __str__(self) -> str:
        return self.name


class Policy(models.Model):
    """A policy an account wrote. What it says is in its versions; `default_number` is the one that counts."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="policies")
    name = models.CharField(max_length=128)
    remark = models.CharField(max_length=200, blank=True, default="")
    default_number = models.PositiveIntegerField(default=1)
    last_number = models.PositiveIntegerField(default=1)  # of any version ever made: a number is never used again
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["account", "name"], name="policy_name_unique_in_account"),
        ]

    def __str__(self) -> str:
        return self.name


class PolicyVersion(models.Model):
    """One text of a policy; never changed after it was saved."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    document = models.TextField()
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_number_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.policy_id} v{self.number}"


class Attachment(models.Model):
    """Somebody has a policy: a user, a user group or a role, one the account wrote or a system policy (by name)."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, null=True, related_name="attachments")
    system_name = models.CharField(max_length=64, blank=True, default="")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="attachments")
    group = models.ForeignKey(UserGroup, on_delete=models.CASCADE, null=True, related_name="attachments")
    role = models.ForeignKey(Role, on_delete=models.CASCADE, null=True, related_name="attachments")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(policy__isnull=True) ^ models.Q(system_name=""),
                name="attachment_one_policy",
            ),
            models.CheckConstraint(
                condition=models.Q(user__isnull=False, group__isnull=True, role__isnull=True)
                | models.Q(user__isnull=True, group__isnull=False, role__isnull=True)
                | models.Q(user__isnull=True, group__isnull=True, role__isnull=False),
                name="attachment_one_holder",
            ),
            models.UniqueConstraint(
                fields=["policy", "system_name", "user", "group", "role"],
                name="attachment_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.system_name or self.policy_id} to {self.user_id or self.group_id or self.role_id}"

    @property
    def policy_name(self) -> str:
        """Returns the name of the policy, whoever wrote it. Wants `policy` to be selected."""
        return self.policy.name if self.policy is not None else self.system_name


class AccessVersion(models.Model):
    """One row, raised by every change of keys, users or policies: tells processes to drop what they cached."""

    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)


class UsedNonce(models.Model):
    """A nonce of a signed request that was taken while Redis could not be reached."""

    digest = models.BinaryField(max_length=32, unique=True)  # SHA-256 of key id and nonce
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return bytes(self.digest).hex()
