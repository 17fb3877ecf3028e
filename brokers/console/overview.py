"""The first page: what is happening in an instance, and what needs somebody."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from brokers.catalog import access, actions, selectors
from brokers.domain import clock, limits
from brokers.domain.errors import Rejected
from brokers.engine import pulse as pulses
from brokers.models import Instance, Operation

from . import code, page, preferences, problems, rows
from .forms import InstanceForm

ACTIVE = ("QUEUED", "RUNNING", "PAUSED")


@page.page
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    instance = page.default_instance(request)
    if instance is None:
        return HttpResponseRedirect(reverse("instance_new"))
    return _overview(request, instance)


@page.page
@require_GET
def instance(request: HttpRequest, instance: str) -> HttpResponse:
    found = access.instance(page.actor(request), instance)
    return preferences.remember_instance(_overview(request, found), found.name)


@page.page
@require_GET
def pulse(request: HttpRequest, instance: str) -> HttpResponse:
    """Answers the two totals that the trend line is drawn from."""
    totals = pulses.totals(access.instance(page.actor(request), instance).pk)
    return JsonResponse({"at": clock.now_ms(), "sent": totals.sent, "settled": totals.settled})


@page.page
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    form = InstanceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.create_instance(page.actor(request), **form.cleaned_data)
        except Rejected as error:
            form.add_error("name", problems.sentence(error))
        else:
            return HttpResponseRedirect(reverse("instance", args=[made.name]))
    return page.render(request, "pages/instance_form.html", {"form": form}, instance=page.default_instance(request))


def _overview(request: HttpRequest, instance: Instance) -> HttpResponse:
    found = selectors.groups(instance, limit=limits.PAGE_MAX)
    group_rows = rows.groups(found.items)
    totals = pulses.totals(instance.pk)
    is_whole = found.next is None
    attention = sorted(
        (row for row in group_rows if row.needs_attention),
        key=lambda row: (-row.progress.dead, -(row.progress.oldest_age_seconds or 0)),
    )
    context = {
        "is_empty": totals.topics == 0,
        "totals": {
            "topics": totals.topics,
            "groups": totals.groups,
            "kept": totals.kept,
            "lag": sum(row.progress.lag for row in group_rows) if is_whole else None,
            "dead": sum(row.progress.dead for row in group_rows) if is_whole else None,
        },
        "attention": attention[:20],
        "groups_more": not is_whole,
        "groups_seen": len(group_rows),
        "topics": rows.topics(pulses.busiest(instance.pk, limit=6)),
        "operations": list(
            Operation.objects.filter(instance=instance, state__in=ACTIVE).select_related("group").order_by("-pk")[:5]
        ),
        "live_names": f"instance:{instance.pk}",
        "code": code.snippets(request, instance),
    }
    return page.render(request, "pages/overview.html", context, section="overview", instance=instance)
