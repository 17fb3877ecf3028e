"""The page of rights and keys that were granted and are not used."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from accounts import grant_use
from brokers.domain.actor import Actor

from . import page

SPANS = (7, 30, 90, 180, 365)
_DEFAULT_DAYS = 90


@page.page
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    actor: Actor = page.actor(request)
    asked = request.GET.get("days", "")
    days = int(asked) if asked in {str(n) for n in SPANS} else _DEFAULT_DAYS
    context = {
        "days": days,
        "spans": SPANS,
        "rights": grant_use.report(actor, days=days),
        "keys": grant_use.idle_keys(actor, days=days),
    }
    home = page.default_instance(request)
    return page.render(request, "pages/unused.html", context, section="policies", instance=home)
