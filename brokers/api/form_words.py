"""What the document says of forms beyond their types and lengths: how a text looks, and which members go together."""

from typing import Any

from accounts import limits as account_limits
from accounts.policies import conditions
from accounts.policies import limits as policy_limits

from ..domain import limits
from ..domain.quotas import HIGHEST, Quota

Json = dict[str, Any]  # Any: JSON values

_PART = "[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?"
_PERSON = "^[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?$"
_TOPIC_OR_GROUP = "^[%|a-zA-Z0-9_-]+$"
_PASSWORD: Json = {
    "minLength": account_limits.PASSWORD_MIN_CHARS,
    "description": "no common one, no row of keys, no name of the user",
}


def _one_or_more(one: Json) -> Json:
    return {"oneOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": policy_limits.VALUE_COUNT}]}


_ACTION: Json = {
    "type": "string",
    "pattern": r"^(?:\*|(?:mq|ram):[A-Za-z0-9*?_]+|rocketmq:[A-Za-z0-9*?_]+)$",
    "maxLength": policy_limits.PATTERN_CHARS,
}
_RESOURCE: Json = {
    "type": "string",
    "pattern": r"^(?:\*|acs:(?:mq|rocketmq|ram):\*?:[0-9*?]*:[ -~]+)$",
    "maxLength": policy_limits.PATTERN_CHARS,
}
_STATEMENT: Json = {
    "type": "object",
    "required": ["Effect", "Resource"],
    "properties": {
        "Effect": {"type": "string", "enum": ["Allow", "Deny"]},
        "Action": _one_or_more(_ACTION),
        "NotAction": _one_or_more(_ACTION),
        "Resource": _one_or_more(_RESOURCE),
        "Condition": {
            "type": "object",
            "minProperties": 1,
            "description": "operators, each with keys and their values",
            "propertyNames": {"enum": sorted(conditions.OPERATORS)},
            "additionalProperties": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"enum": sorted(conditions.KEYS)},
            },
        },
    },
    "additionalProperties": False,
    "oneOf": [{"required": ["Action"]}, {"required": ["NotAction"]}],
}
POLICY: Json = {
    "type": "object",
    "required": ["Version", "Statement"],
    "properties": {
        "Version": {"type": "string", "enum": ["1"]},
        "Statement": {
            "oneOf": [
                _STATEMENT,
                {
                    "type": "array",
                    "items": _STATEMENT,
                    "minItems": 1,
                    "maxItems": policy_limits.STATEMENT_COUNT,
                },
            ]
        },
    },
    "additionalProperties": False,
    "description": f"a policy of RAM, at most {policy_limits.DOCUMENT_CHARS} characters",
}
LIMITS: Json = {
    "type": "object",
    "properties": {quota.value: {"type": ["integer", "null"], "minimum": 0, "maximum": HIGHEST} for quota in Quota},
    "additionalProperties": False,
    "description": "the limit's name and its value; null takes it away",
}


def _name(pattern: str) -> Json:
    return {"minLength": 1, "pattern": pattern}


# By component and member. Names: what `domain.names` and `accounts.people` ask of them, but for the reserved ones.
MEMBERS: dict[str, dict[str, Json]] = {
    "InstanceForm": {"name": _name("^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$")},
    "TopicForm": {"name": _name(_TOPIC_OR_GROUP)},
    "GroupForm": {"name": _name(_TOPIC_OR_GROUP)},
    "GrantForm": {"name": _name(_TOPIC_OR_GROUP)},
    "UserForm": {"name": _name(_PERSON), "password": _PASSWORD},
    "UserChange": {"password": _PASSWORD},
    "UserGroupForm": {"name": _name(_PERSON)},
    "RoleForm": {"name": _name(_PERSON)},
    "TrustForm": {"login": _name(f"^{_PART}(?:@{_PART})?$")},
    "PolicyForm": {"name": _name("^[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$")},
    "RedriveForm": {"destination": {"pattern": "^(?:origin|topic:[%|a-zA-Z0-9_-]+)$"}},
    "ProducerGroupChange": {
        "webhook_url": {"pattern": r"^(?:https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:[/?][!-~]*)?)?$"}
    },
}


def _just_one(*names: str) -> list[Json]:
    """Returns that one of these texts is given, and the others are left out or empty."""
    return [
        {
            "required": [given],
            "properties": {name: {"minLength": 1} if name == given else {"maxLength": 0} for name in names},
        }
        for given in names
    ]


# By component: one of these holds.
ALTERNATIVES: dict[str, list[Json]] = {
    "GrantForm": _just_one("user", "group"),
    "AttachmentForm": _just_one("user", "group", "role"),
    "RedriveForm": [{"required": ["ids"]}, {"required": ["filter"]}],
    "ResetForm": [
        {"properties": {"to": {"enum": ["earliest", "latest"]}, "value": {"type": "null"}}},
        {
            "required": ["value"],
            "properties": {"to": {"enum": ["time"]}, "value": {"type": "string", "format": "date-time"}},
        },
        {
            "required": ["value"],
            "properties": {
                "to": {"enum": ["offset"]},
                "value": {
                    "oneOf": [
                        {"type": "integer", "minimum": 0, "maximum": limits.INT64_MAX},
                        {
                            "type": "object",
                            "minProperties": 1,
                            "propertyNames": {"pattern": "^[0-9]{1,4}$"},
                            "additionalProperties": {"type": "integer", "minimum": 0, "maximum": limits.INT64_MAX},
                        },
                    ]
                },
            },
        },
    ],
}
