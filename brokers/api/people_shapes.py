"""What requests about users, user groups and policies may say, and what the answers look like."""

import json
from typing import Any

from django.utils.translation import get_language
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts import grants, limits
from accounts.models import Policy, PolicyVersion, User, UserGroup

from ..protocols.http import wording
from . import form_words
from .shapes import KeyShape
from .view import Boolean, Form, Text


class UserForm(Form):
    name = Text(max_length=limits.USER_NAME_CHARS)
    password = Text(required=False, max_length=limits.PASSWORD_CHARS, help_text="none: no console")


class UserChange(Form):
    active = Boolean(required=False, help_text="off refuses the sign-in and every key within two seconds")
    password = Text(required=False, max_length=limits.PASSWORD_CHARS, help_text="ends all sessions of the user")


class UserKeyChange(Form):
    enabled = Boolean()


class UserGroupForm(Form):
    name = Text(max_length=limits.USER_NAME_CHARS)
    remark = Text(required=False, max_length=limits.REMARK_CHARS, default="")


class MemberForm(Form):
    user = Text(max_length=limits.USER_NAME_CHARS)


@extend_schema_field(form_words.POLICY)
class DocumentField(serializers.JSONField):
    """A RAM policy as a JSON object."""

    def to_internal_value(self, data: Any) -> Any:  # Any: the document as text
        if not isinstance(data, dict):
            raise serializers.ValidationError("must be an object with Version and Statement")
        return json.dumps(data, indent=2, ensure_ascii=False)


class PolicyForm(Form):
    name = Text(max_length=limits.POLICY_NAME_CHARS)
    document = DocumentField()
    remark = Text(required=False, max_length=limits.REMARK_CHARS, default="")


class VersionForm(Form):
    document = DocumentField()


class HolderForm(Form):
    user = Text(required=False, max_length=limits.USER_NAME_CHARS, default="", help_text="either a user")
    group = Text(required=False, max_length=limits.USER_NAME_CHARS, default="", help_text="or a user group")


class AttachmentForm(HolderForm):
    role = Text(required=False, max_length=limits.USER_NAME_CHARS, default="", help_text="or a role")


class GrantForm(HolderForm):
    name = Text(max_length=127, help_text="of the topic or the group")
    right = serializers.ChoiceField(choices=list(grants.QUICK))


@extend_schema_field({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}], "default": "127.0.0.1"})
class AddressField(serializers.IPAddressField):
    """An IP address of either kind."""


class SimulationForm(Form):
    user = Text(max_length=limits.USER_NAME_CHARS)
    action = Text(max_length=128)
    resource = Text(max_length=512)
    source_ip = AddressField(required=False, default="127.0.0.1")
    at = serializers.DateTimeField(required=False, help_text="now, if it is left out")
    secure = Boolean(required=False, default=False, help_text="over TLS")
    mfa = Boolean(required=False, default=False, help_text="with a second factor")


class UserShape(serializers.Serializer[User]):
    name = serializers.CharField()
    login = serializers.CharField()
    is_root = serializers.BooleanField()
    active = serializers.BooleanField(source="is_active")
    can_sign_in = serializers.BooleanField(source="has_usable_password", help_text="has a password for the console")
    groups = serializers.SerializerMethodField()
    access_keys = KeyShape(many=True, source="access_keys.all")
    second_factors = serializers.SerializerMethodField(help_text="how many the user has")
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="the last sign-in, or use of a key")

    def get_second_factors(self, user: User) -> int:
        return len(user.second_factors.all())

    def get_groups(self, user: User) -> list[str]:
        return sorted(group.name for group in user.user_groups.all())


class UserGroupShape(serializers.Serializer[UserGroup]):
    name = serializers.CharField()
    remark = serializers.CharField()
    members = serializers.SerializerMethodField()
    policies = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_members(self, group: UserGroup) -> list[str]:
        return sorted(user.name for user in group.members.all())

    def get_policies(self, group: UserGroup) -> list[str]:
        return sorted(row.policy_name for row in group.attachments.all())


class AttachedShape(serializers.Serializer[Any]):
    user = serializers.CharField(allow_null=True)
    group = serializers.CharField(allow_null=True)
    role = serializers.CharField(allow_null=True)


class PolicyShape(serializers.Serializer[Policy]):
    name = serializers.CharField()
    remark = serializers.CharField()
    default_version = serializers.IntegerField(source="default_number")
    attached_to = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    @extend_schema_field(AttachedShape(many=True))
    def get_attached_to(self, policy: Policy) -> list[dict[str, str | None]]:
        return [
            {
                "user": row.user.name if row.user else None,
                "group": row.group.name if row.group else None,
                "role": row.role.name if row.role else None,
            }
            for row in policy.attachments.all()
        ]


class VersionShape(serializers.Serializer[PolicyVersion]):
    number = serializers.IntegerField()
    document = serializers.SerializerMethodField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()

    def get_document(self, version: PolicyVersion) -> dict[str, Any]:  # Any: JSON values
        return dict(json.loads(version.document))


class Told(serializers.CharField):
    """A sentence of the server, in the language of whoever asks."""

    def to_representation(self, value: str) -> str:
        return wording.translate(value, get_language())


class WarningShape(serializers.Serializer[Any]):
    statement = serializers.IntegerField()
    code = serializers.CharField(help_text="stable")
    text = Told()


class OpenedPolicyShape(PolicyShape):
    versions = VersionShape(many=True)
    warnings = WarningShape(many=True, help_text="what in the version that counts is probably not meant")


class DecidingShape(serializers.Serializer[Any]):
    policy = serializers.CharField()
    version = serializers.IntegerField()
    number = serializers.IntegerField(help_text="of the statement, from 1")
    effect = serializers.ChoiceField(choices=["Allow", "Deny"])
    via_group = serializers.CharField(allow_null=True, help_text="the user group the policy comes through")


class DecisionShape(serializers.Serializer[Any]):
    allowed = serializers.BooleanField()
    outcome = serializers.ChoiceField(choices=["allowed", "explicit_deny", "implicit_deny"])
    reason = Told()
    statement = DecidingShape(allow_null=True)
