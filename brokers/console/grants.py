"""Who may use a topic or a group, and the form that grants it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import grants, members, permissions, policy_cache
from accounts.errors import Rejected
from accounts.models import User
from accounts.policies.conditions import Facts
from brokers.catalog import access
from brokers.domain import clock
from brokers.models import Instance

from . import groups, page, problems, topics
from .people_forms import GrantForm

PEOPLE_SHOWN = 100
TOPIC_ACTIONS = ("mq:PUB", "mq:SUB", "mq:QueryTopic", "mq:QueryMessage", "mq:UpdateTopic", "mq:DeleteTopic")
GROUP_ACTIONS = (
    "mq:SUB",
    "mq:QueryGroup",
    "mq:QueryDLQMessage",
    "mq:Resend",
    "mq:ResetConsumerOffset",
    "mq:UpdateGroup",
)


@page.page
@require_http_methods(["GET", "POST"])
def of_topic(request: HttpRequest, instance: str, topic: str) -> HttpResponse:
    found = access.topic(page.actor(request), instance, topic)
    asked = _Asked(found.instance, found.name, TOPIC_ACTIONS)
    context = _serve(request, asked)
    if context is None:
        return HttpResponseRedirect(reverse("topic_access", args=[instance, topic]))
    return topics.page_of(request, found, tab="access", context=context)


@page.page
@require_http_methods(["GET", "POST"])
def of_group(request: HttpRequest, instance: str, group: str) -> HttpResponse:
    found = access.group(page.actor(request), instance, group)
    asked = _Asked(found.instance, found.name, GROUP_ACTIONS)
    context = _serve(request, asked)
    if context is None:
        return HttpResponseRedirect(reverse("group_access", args=[instance, group]))
    return groups.page_of(request, found, tab="access", context=context)


class _Asked:
    """A topic or a group whose access page is wanted."""

    def __init__(self, instance: Instance, name: str, actions: tuple[str, ...]) -> None:
        self.instance = instance
        self.name = name
        self.actions = actions
        self.resource = access.resource(instance.account_id, instance.name, name)


def _serve(request: HttpRequest, asked: _Asked) -> dict[str, object] | None:
    """Returns what the page shows, or None after a grant was made."""
    actor = page.actor(request)
    people = members.users(actor)[:PEOPLE_SHOWN]
    form = GrantForm(request.POST or None)
    form.offer([user.name for user in people if not user.is_root], [group.name for group in members.groups(actor)])
    if request.method == "POST" and form.is_valid():
        kind, _colon, holder = form.cleaned_data["holder"].partition(":")
        try:
            grants.quick_grant(
                actor,
                asked.instance.name,
                asked.name,
                right=form.cleaned_data["right"],
                user=holder if kind == "user" else "",
                group=holder if kind == "group" else "",
            )
        except Rejected as error:
            form.add_error(None, problems.detail(error))
        else:
            messages.success(request, _("Granted; it counts everywhere within two seconds."))
            return None
    written = members.resource(actor.account_id, "policy/grants-*")
    return {
        "form": form,
        "can_grant": all(access.may(actor, action, written) for action in ("ram:CreatePolicy", "ram:AttachPolicy")),
        "judged_actions": asked.actions,
        "resource": asked.resource,
        "rows": [(user, _rights(user, asked)) for user in people],
        "has_others": len(people) > 1,
    }


def _rights(user: User, asked: _Asked) -> list[tuple[str, bool, str]]:
    """Returns (action, allowed, reason) of each action, as judged now from this machine."""
    held = policy_cache.of_user(user.pk)
    facts = Facts(source_ip="127.0.0.1", now=clock.now())
    judged = (
        permissions.simulate(
            held,
            account_id=user.account_id,
            is_root=user.is_root,
            action=action,
            resource=asked.resource,
            facts=facts,
        )
        for action in asked.actions
    )
    return [
        (action, decision.is_allowed, permissions.explain(decision)["reason"])
        for action, decision in zip(asked.actions, judged, strict=True)
    ]
