"""The audit of the reader's account: searched, page by page, and each entry with its detail."""

import json
from dataclasses import dataclass
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from accounts import audit_log
from accounts.audit_log import Filter
from accounts.models import AuditEntry
from brokers.domain import limits

from . import page
from .forms import ConsoleForm, LocalTimeField, mono

_FILES = {"jsonl": "JSON Lines", "csv": "CSV"}


@dataclass(frozen=True, slots=True)
class Row:
    """An entry, and its detail to be unfolded; empty when it has none."""

    entry: AuditEntry
    detail: str


class AuditForm(ConsoleForm):
    actor = forms.CharField(label=_("Who"), max_length=200, required=False, widget=forms.TextInput(attrs=mono()))
    action = forms.CharField(
        label=_("Action"), max_length=64, required=False, widget=forms.TextInput(attrs=mono(placeholder="mq:Create*"))
    )
    resource = forms.CharField(
        label=_("Resource"), max_length=400, required=False, widget=forms.TextInput(attrs=mono(placeholder="orders"))
    )
    outcome = forms.ChoiceField(
        label=_("Result"), required=False, choices=[("", _("any")), ("ok", _("done")), ("refused", _("refused"))]
    )
    start = LocalTimeField(label=_("From"))
    end = LocalTimeField(label=_("To"))


@page.page
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = page.actor(request)
    form = AuditForm(request.GET)
    form.is_valid()
    read = form.cleaned_data
    wanted = Filter(
        actor=read.get("actor", ""),
        action=read.get("action", ""),
        resource=read.get("resource", ""),
        outcome=read.get("outcome", ""),
        since=read.get("start"),
        until=read.get("end"),
    )
    cursor = request.GET.get("cursor", "")
    after = int(cursor) if cursor.isascii() and cursor.isdigit() and int(cursor) <= limits.INT64_MAX else None
    found = audit_log.search(actor, wanted, cursor=after, limit=limits.PAGE_DEFAULT)
    context = {
        "form": form,
        "rows": [Row(entry, _detail(entry)) for entry in found.entries],
        "next_cursor": found.next,
        "is_cut": found.is_cut,
        "is_filtered": any(read.values()),
        "exports": [(_FILES[name], _export_query(wanted, name)) for name in audit_log.FORMATS],
    }
    return page.render(request, "pages/audit.html", context, section="audit", instance=page.default_instance(request))


def _detail(entry: AuditEntry) -> str:
    return json.dumps(entry.detail, indent=2, sort_keys=True, ensure_ascii=False) if entry.detail else ""


def _export_query(wanted: Filter, form: str) -> str:
    """Returns the query of the API's export for the same filter."""
    asked = {"format": form, "actor": wanted.actor, "action": wanted.action, "resource": wanted.resource}
    asked |= {"outcome": wanted.outcome}
    for name, at in (("from", wanted.since), ("to", wanted.until)):
        asked[name] = at.isoformat() if at is not None else ""
    return urlencode({name: value for name, value in asked.items() if value})
