"""Addresses of the management API, below /api/v1/. A verb that is not a method follows a colon."""

from django.urls import URLPattern, path, re_path, register_converter

from . import (
    audit,
    dead_letters,
    grants,
    groups,
    instances,
    keys,
    limits,
    members,
    messages,
    offsets,
    operations,
    policies,
    producer_groups,
    requests,
    roles,
    schema,
    sign_ins,
    topics,
    transactions,
    unused,
)
from .nothing import HotReading, HotRoute, Nothing


class NameConverter:
    """A name in a path: anything but a slash and the colon that begins a verb."""

    regex = "[^/:]+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(NameConverter, "name")

_U = "users/<name:user>"
_UG = "user-groups/<name:group>"
_P = "policies/<name:policy>"
_R = "roles/<name:role>"
_I = "instances/<name:instance>"
_T = f"{_I}/topics/<name:topic>"
_G = f"{_I}/groups/<name:group>"
_PG = f"{_I}/producer-groups/<name:group>"
_TX = f"{_I}/transactions/<name:transaction>"
_O = f"{_I}/operations/<name:operation>"

# What the OpenAPI document is made from.
managed: list[URLPattern] = [
    path("whoami", instances.Caller.as_view()),
    path("access-keys", keys.Keys.as_view()),
    path("access-keys/<name:key>", keys.OneKey.as_view()),
    path("access-keys/<name:key>:rotate", keys.Rotate.as_view()),
    path("account", sign_ins.OneAccount.as_view()),
    path("sessions", sign_ins.Sessions.as_view()),
    path("sessions:end", sign_ins.EndOthers.as_view()),
    path("sessions/<name:session>", sign_ins.OneSession.as_view()),
    path("users", members.Users.as_view()),
    path(_U, members.OneUser.as_view()),
    path(f"{_U}/sessions", sign_ins.UserSessions.as_view()),
    path(f"{_U}/sessions:end", sign_ins.EndUserSessions.as_view()),
    path(f"{_U}/sessions/<name:session>", sign_ins.OneUserSession.as_view()),
    path(f"{_U}/second-factors", sign_ins.UserFactors.as_view()),
    path(f"{_U}/invitation", sign_ins.UserInvitation.as_view()),
    path(f"{_U}/access-keys", members.UserKeys.as_view()),
    path(f"{_U}/access-keys/<name:key>", members.OneUserKey.as_view()),
    path(f"{_U}/access-keys/<name:key>:rotate", members.RotateUserKey.as_view()),
    path("user-groups", members.UserGroups.as_view()),
    path(_UG, members.OneUserGroup.as_view()),
    path(f"{_UG}/members", members.Members.as_view()),
    path(f"{_UG}/members/<name:user>", members.OneMember.as_view()),
    path("policies", policies.Policies.as_view()),
    path("policies:simulate", policies.Simulate.as_view()),
    path(_P, policies.OnePolicy.as_view()),
    path(f"{_P}:attach", policies.Attach.as_view()),
    path(f"{_P}:detach", policies.Detach.as_view()),
    path(f"{_P}/versions", policies.Versions.as_view()),
    path(f"{_P}/versions/<int:number>:default", policies.Default.as_view()),
    path("audit", audit.Audit.as_view()),
    path("audit:export", audit.Export.as_view()),
    path("unused-rights", unused.UnusedRights.as_view()),
    path("roles", roles.Roles.as_view()),
    path("role-offers", roles.Offers.as_view()),
    path(_R, roles.OneRole.as_view()),
    path(f"{_R}:trust", roles.Trust.as_view()),
    path(f"{_R}:distrust", roles.Distrust.as_view()),
    path(f"{_R}:assume", roles.Assume.as_view()),
    path(f"{_R}/sessions", roles.Sessions.as_view()),
    path(f"{_R}/sessions/<int:number>:revoke", roles.Revoke.as_view()),
    path("limits", limits.Limits.as_view()),
    path("instances", instances.Instances.as_view()),
    path(_I, instances.OneInstance.as_view()),
    path(f"{_I}/topics", topics.Topics.as_view()),
    path(_T, topics.OneTopic.as_view()),
    path(f"{_T}/messages/<name:message>:recall", messages.Recall.as_view()),
    path(f"{_I}/groups", groups.Groups.as_view()),
    path(_G, groups.OneGroup.as_view()),
    path(f"{_G}/offsets", offsets.Offsets.as_view()),
    path(f"{_G}/offsets:reset", offsets.Reset.as_view()),
    path(f"{_G}/dead-letters", dead_letters.DeadLetters.as_view()),
    path(f"{_G}/dead-letters:count", dead_letters.Count.as_view()),
    path(f"{_G}/dead-letters:redrive", dead_letters.Redrive.as_view()),
    path(f"{_G}/dead-letters/<name:number>", dead_letters.OneDeadLetter.as_view()),
    path(f"{_I}/producer-groups", producer_groups.ProducerGroups.as_view()),
    path(_PG, producer_groups.OneProducerGroup.as_view()),
    path(f"{_I}/transactions", transactions.Transactions.as_view()),
    path(_TX, transactions.OneTransaction.as_view()),
    path(f"{_TX}:check", transactions.Check.as_view()),
    path(f"{_I}/grants", grants.Grants.as_view()),
    path(f"{_I}/messages", messages.Messages.as_view()),
    path(f"{_I}/messages/<name:message>", messages.OneMessage.as_view()),
    path(f"{_I}/requests", requests.InstanceRequests.as_view()),
    path(f"{_T}/requests", requests.TopicRequests.as_view()),
    path(f"{_I}/operations", operations.Operations.as_view()),
    path(_O, operations.OneOperation.as_view()),
    path(f"{_O}/entries", operations.Entries.as_view()),
    path(f"{_O}:pause", operations.Pause.as_view()),
    path(f"{_O}:resume", operations.Resume.as_view()),
    path(f"{_O}:cancel", operations.Cancel.as_view()),
]

urlpatterns: list[URLPattern] = [
    *managed,
    path("openapi.json", schema.Schema.as_view()),
    # Served before Django; only a wrong method comes here.
    path(f"{_T}/messages", HotRoute.as_view()),
    path(f"{_T}/messages:batch", HotRoute.as_view()),
    path(f"{_T}/messages:request", HotRoute.as_view()),
    path(f"{_I}/requests/<name:asked>:reply", HotRoute.as_view()),
    path(f"{_I}/requests/<name:asked>", HotReading.as_view()),
    path(f"{_T}/messages:half", HotRoute.as_view()),
    path(f"{_TX}:commit", HotRoute.as_view()),
    path(f"{_TX}:rollback", HotRoute.as_view()),
    path(f"{_PG}:checks", HotRoute.as_view()),
    re_path(r"^instances/[^/:]+/groups/[^/:]+/messages:(?:receive|ack|nack|extend)$", HotRoute.as_view()),
    re_path("", Nothing.as_view()),
]
