"""Addresses of the management API, below /api/v1/. A verb that is not a method follows a colon."""

from django.urls import URLPattern, path, re_path, register_converter

from . import groups, instances, keys, topics
from .nothing import HotRoute, Nothing


class NameConverter:
    """A name in a path: anything but a slash and the colon that begins a verb."""

    regex = "[^/:]+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(NameConverter, "name")

_I = "instances/<name:instance>"
_T = f"{_I}/topics/<name:topic>"
_G = f"{_I}/groups/<name:group>"

urlpatterns: list[URLPattern] = [
    path("whoami", instances.Caller.as_view()),
    path("access-keys", keys.Keys.as_view()),
    path("access-keys/<name:key>", keys.OneKey.as_view()),
    path("instances", instances.Instances.as_view()),
    path(_I, instances.OneInstance.as_view()),
    path(f"{_I}/topics", topics.Topics.as_view()),
    path(_T, topics.OneTopic.as_view()),
    path(f"{_I}/groups", groups.Groups.as_view()),
    path(_G, groups.OneGroup.as_view()),
    # Served before Django; only a wrong method comes here.
    path(f"{_T}/messages", HotRoute.as_view()),
    path(f"{_T}/messages:batch", HotRoute.as_view()),
    re_path(r"^instances/[^/:]+/groups/[^/:]+/messages:(?:receive|ack|nack|extend)$", HotRoute.as_view()),
    re_path("", Nothing.as_view()),
]
