"""The page of limits: what the account, its instances and its keys may use, and how much they do."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import AccessKey
from brokers.catalog import access
from brokers.catalog import quotas as catalog
from brokers.domain import quotas
from brokers.domain.errors import BrokerError, NotFound
from brokers.domain.quotas import Quota, Scope, Usage
from brokers.engine import quotas as engine
from brokers.models import Instance

from . import page, problems, tags
from .forms import ConsoleForm

LABELS = {
    Quota.SEND_RATE: gettext_lazy("Messages sent a second"),
    Quota.SEND_BYTES_RATE: gettext_lazy("Bytes sent a second"),
    Quota.RECEIVE_RATE: gettext_lazy("Messages received a second"),
    Quota.RECEIVE_BYTES_RATE: gettext_lazy("Bytes received a second"),
    Quota.TOPICS: gettext_lazy("Topics"),
    Quota.GROUPS: gettext_lazy("Groups"),
    Quota.BACKLOG_BYTES: gettext_lazy("Backlog in bytes"),
    Quota.CONNECTIONS: gettext_lazy("Connections"),
    Quota.MESSAGE_BYTES: gettext_lazy("Largest message in bytes"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A limit as the page shows it."""

    label: str
    usage: Usage
    percent: int | None
    used: int | None
    is_bytes: bool


@dataclass(frozen=True, slots=True)
class Place:
    """What limits can be set on: the account (no name), an instance, a key."""

    scope: str
    name: str
    remark: str
    rows: list[Row]


@page.page
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = page.actor(request)
    access.check(actor, "mq:QueryLimits", access.resource(actor.account_id, "*"))
    found = engine.usage(actor.account_id)
    keys = AccessKey.objects.filter(user__account_id=actor.account_id).select_related("user")
    owners = {
        key.key_id: f"{key.user.name} · {key.remark}" if key.remark else key.user.name
        for key in keys.order_by("user__name", "pk")[:500]
    }
    shown = {(usage.scope, usage.name) for usage in found}
    context = {
        "places": _places(found, owners),
        "others": [(key_id, owner) for key_id, owner in owners.items() if (Scope.KEY, key_id) not in shown],
        "near": [(LABELS[usage.quota], usage) for usage in found if usage.is_near],
        "may_change": access.may(actor, "mq:UpdateLimits", access.resource(actor.account_id, "*")),
    }
    return page.render(request, "pages/limits.html", context, section="limits", instance=page.default_instance(request))


@page.page
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, scope: str, name: str = "") -> HttpResponse:
    actor = page.actor(request)
    if scope not in {one.value for one in Scope}:
        raise NotFound(_("There is no page at this address."))
    action = "mq:UpdateLimits"
    access.check(actor, action, access.resource(actor.account_id, name if scope == Scope.INSTANCE else "*"))
    _require(actor.account_id, Scope(scope), name)
    form = LimitsForm(request.POST or None, scope=Scope(scope), own=_own(actor.account_id, Scope(scope), name))
    if request.method == "POST" and form.is_valid():
        try:
            catalog.set_limits(actor, Scope(scope), name, values=form.values())
        except BrokerError as error:
            form.add_error(None, problems.detail(error))
        else:
            messages.success(request, _("The limits are saved; they count within two seconds."))
            return HttpResponseRedirect(reverse("limits"))
    context = {"form": form, "scope": scope, "name": name}
    home = page.default_instance(request)
    return page.render(request, "pages/limits_form.html", context, section="limits", instance=home)


class LimitsForm(ConsoleForm):
    """One field a limit that can be set there; empty takes the limit away."""

    def __init__(self, *args: Any, scope: Scope, own: dict[Quota, int], **kwargs: Any) -> None:  # Any: as Django's
        super().__init__(*args, **kwargs)
        for quota in Quota:
            if scope not in quotas.SCOPES[quota]:
                continue
            most = catalog.ceiling(quota)
            self.fields[quota.value] = forms.IntegerField(
                label=LABELS[quota],
                required=False,
                initial=own.get(quota),
                min_value=0 if quota in (Quota.TOPICS, Quota.GROUPS) else 1,
                max_value=most or quotas.HIGHEST,
                help_text=_at_most(quota, most),
                widget=forms.NumberInput(attrs={"class": "input", "placeholder": _("no limit of its own")}),
            )

    def values(self) -> dict[Quota, int | None]:
        """Returns what was asked for, None for an empty field."""
        return {Quota(name): value for name, value in self.cleaned_data.items()}


def _at_most(quota: Quota, most: int | None) -> str:
    if most is None:
        return _("No ceiling.")
    spelled = f"{most:,} ({tags.size(most)})" if quota in quotas.BYTES else f"{most:,}"
    return _("At most %(n)s.") % {"n": spelled}


def _require(account_id: int, scope: Scope, name: str) -> None:
    rows: Any = None  # Any: instances or keys
    if scope == Scope.INSTANCE:
        rows = Instance.objects.filter(account_id=account_id, name=name)
    elif scope == Scope.KEY:
        rows = AccessKey.objects.filter(user__account_id=account_id, key_id=name)
    if (rows is None and name) or (rows is not None and not rows.exists()):
        raise NotFound(_("There is no page at this address."))


def _own(account_id: int, scope: Scope, name: str) -> dict[Quota, int]:
    return {
        quota: value
        for (where, what, quota), value in catalog.own(account_id).items()
        if (where, what) == (scope, name)
    }


def _places(found: list[Usage], owners: dict[str, str]) -> list[Place]:
    places: dict[tuple[Scope, str], Place] = {}
    for usage in found:
        place = places.setdefault(
            (usage.scope, usage.name), Place(usage.scope.value, usage.name, owners.get(usage.name, ""), [])
        )
        if usage.scope == Scope.ACCOUNT or usage.value is not None or usage.used is not None:
            place.rows.append(_row(usage))
    return list(places.values())


def _row(usage: Usage) -> Row:
    share = usage.share
    percent = None if share is None or usage.quota == Quota.MESSAGE_BYTES else min(round(share * 100), 100)
    used = None if usage.used is None else round(usage.used)
    return Row(str(LABELS[usage.quota]), usage, percent, used, usage.quota in quotas.BYTES)
