"""The audit list of the reader's account."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from accounts.models import AuditEntry
from brokers.catalog import access
from brokers.domain import limits

from . import page


@page.page
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor = page.actor(request)
    access.check(actor, "mq:QueryAudit", f"acs:mq:*:{actor.account_id}:*")
    found = AuditEntry.objects.filter(account_id=actor.account_id).order_by("-pk")
    cursor = request.GET.get("cursor", "")
    if cursor.isascii() and cursor.isdigit() and int(cursor) <= limits.INT64_MAX:
        found = found.filter(pk__lt=int(cursor))
    rows = list(found[: limits.PAGE_DEFAULT + 1])
    shown = rows[: limits.PAGE_DEFAULT]
    context = {"rows": shown, "next_cursor": shown[-1].pk if len(rows) > len(shown) else None}
    return page.render(request, "pages/audit.html", context, section="audit", instance=page.default_instance(request))
