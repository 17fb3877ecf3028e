"""Producer groups: who is there to be asked, how often, and the webhook that is asked when nobody is."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from brokers.catalog import access, producers, selectors
from brokers.domain import limits
from brokers.domain.errors import Rejected
from brokers.engine import removal, transaction_pages

from . import page, problems
from .forms import ConsoleForm, mono
from .transactions import frame

_SETTINGS = ("immunity_seconds", "interval_seconds", "max_checks")


class ProducerGroupForm(ConsoleForm):
    immunity_seconds = forms.IntegerField(
        label=gettext_lazy("First check after (seconds)"),
        min_value=1,
        max_value=limits.IMMUNITY_MAX_SECONDS,
        required=False,
        help_text=gettext_lazy("How long a producer may take before it is asked."),
    )
    interval_seconds = forms.IntegerField(
        label=gettext_lazy("Between checks (seconds)"),
        min_value=1,
        max_value=limits.CHECK_INTERVAL_MAX_SECONDS,
        required=False,
    )
    max_checks = forms.IntegerField(
        label=gettext_lazy("Checks"),
        min_value=1,
        max_value=limits.CHECK_COUNT_MAX,
        required=False,
        help_text=gettext_lazy(
            "After the last one without an answer a half message is discarded; you can still decide it."
        ),
    )
    webhook_url = forms.CharField(
        label=gettext_lazy("Webhook"),
        max_length=limits.WEBHOOK_URL_CHARS,
        required=False,
        widget=forms.TextInput(attrs=mono(placeholder="https://orders.example.org/checks")),
        help_text=gettext_lazy("Asked over HTTPS when no producer of the group is connected. Calls are signed."),
    )
    renew = forms.BooleanField(label=gettext_lazy("Make a new secret for the webhook"), required=False)


@page.page
@require_GET
def index(request: HttpRequest, instance: str) -> HttpResponse:
    actor = page.actor(request)
    home = access.instance(actor, instance)
    found = selectors.producer_groups(actor, home, cursor=request.GET.get("cursor", ""))
    context = {
        **frame(actor, home, "producers"),
        "rows": transaction_pages.standings(found.items),
        "next_cursor": found.next,
    }
    return page.render(request, "pages/producer_groups.html", context, section="transactions", instance=home)


@page.page
@require_http_methods(["GET", "POST"])
def show(request: HttpRequest, instance: str, group: str) -> HttpResponse:
    """A producer group with the form of its settings. A secret that is new is shown in the answer, once."""
    actor = page.actor(request)
    home = access.instance(actor, instance)
    found = producers.get(actor, instance, group)
    values = {name: getattr(found, name) for name in (*_SETTINGS, "webhook_url")}
    form = ProducerGroupForm(request.POST or None, initial=values)
    secret = None
    if request.method == "POST" and form.is_valid():
        read: dict[str, Any] = form.cleaned_data  # Any: a value a field
        try:
            changed = producers.change(
                actor,
                home,
                group,
                settings={name: read[name] for name in _SETTINGS},
                webhook_url=read["webhook_url"].strip(),
                is_secret_renewed=read["renew"],
            )
        except Rejected as error:
            form.add_error("webhook_url" if "webhook" in error.detail else None, problems.sentence(error))
        else:
            secret = changed.secret
            messages.success(request, _("Saved."))
            if secret is None:
                return HttpResponseRedirect(reverse("producer_group", args=[instance, group]))
            found = changed.group
    (standing,) = transaction_pages.standings([found])
    context = {
        **frame(actor, home, "producers"),
        "standing": standing,
        "form": form,
        "secret": secret,
        "may_delete": access.may(
            actor, "mq:DeleteProducerGroup", access.resource(actor.account_id, home.name, found.name)
        ),
        "may_change": access.may(
            actor, "mq:UpdateProducerGroup", access.resource(actor.account_id, home.name, found.name)
        ),
        "defaults": {
            "immunity": settings.TRANSACTION_IMMUNITY_SECONDS,
            "interval": settings.TRANSACTION_CHECK_SECONDS,
            "checks": settings.TRANSACTION_CHECK_MAX,
        },
    }
    return page.render(request, "pages/producer_group.html", context, section="transactions", instance=home)


@page.page
@require_POST
def delete(request: HttpRequest, instance: str, group: str) -> HttpResponse:
    actor = page.actor(request)
    try:
        found = producers.get(actor, instance, group, action="mq:DeleteProducerGroup")
        removal.delete_producer_group(actor, found)
    except Rejected as error:
        page.report(request, error)
        return HttpResponseRedirect(reverse("producer_group", args=[instance, group]))
    messages.success(request, _("The producer group %(name)s is deleted.") % {"name": group})
    return HttpResponseRedirect(reverse("producer_groups", args=[instance]))
