"""The first page: what is happening in an instance, and what needs somebody."""

from itertools import islice

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from brokers.catalog import access, actions, selectors
from brokers.domain import clock, limits
from brokers.domain.actor import Actor
from brokers.domain.errors import Denied, Rejected
from brokers.engine import pulse as pulses
from brokers.models import Instance, Operation

from . import code, page, preferences, problems, rows
from .forms import InstanceForm

TOPICS_SHOWN = 6
ACTIVE = ("QUEUED", "RUNNING", "PAUSED")


@page.page
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    instance = page.default_instance(request)
    if instance is None:
        actor = page.actor(request)
        if not access.may(actor, "mq:CreateInstance", access.resource(actor.account_id, "*")):
            return page.render(request, "pages/nothing_granted.html", {"login": actor.name})
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
    actor = page.actor(request)
    found = access.instance(actor, instance)
    if not _sees_all(actor, found):
        # The totals would tell of topics and groups this reader may not see.
        access.check(actor, "mq:QueryTopic", access.resource(actor.account_id, found.name, "*"))
        raise Denied("These totals count topics or groups that are denied to you.")
    totals = pulses.totals(found.pk)
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


def _sees_all(actor: Actor, instance: Instance) -> bool:
    actions = ("mq:QueryTopic", "mq:QueryGroup")
    return all(access.filter_of(actor, instance.name, action) is None for action in actions)


def _overview(request: HttpRequest, instance: Instance) -> HttpResponse:
    actor = page.actor(request)
    sees_all = _sees_all(actor, instance)
    found = selectors.groups(actor, instance, limit=limits.PAGE_MAX)
    group_rows = rows.groups(found.items)
    if sees_all:
        totals = pulses.totals(instance.pk)
        topic_rows = rows.topics(actor, instance, pulses.busiest(instance.pk, limit=TOPICS_SHOWN))
    else:
        seen = rows.topics(actor, instance, selectors.topics(actor, instance, limit=limits.PAGE_MAX).items)
        topic_rows = sorted(seen, key=lambda row: -row.stats.stored_count)[:TOPICS_SHOWN]
        kept = sum(row.stats.kept_count for row in seen)
        stored = sum(row.stats.stored_count for row in seen)
        totals = pulses.Totals(len(seen), len(group_rows), stored, kept, 0)
    is_whole = found.next is None
    attention = sorted(
        (row for row in group_rows if row.needs_attention),
        key=lambda row: (-row.progress.dead, -(row.progress.oldest_age_seconds or 0)),
    )
    first_topic = topic_rows[0].topic.name if topic_rows else ""
    first_group = group_rows[0].group.name if group_rows else ""
    context = {
        # The first steps stay until the last of them, a message, is made.
        "is_new": totals.topics == 0 or totals.sent == 0,
        "first_topic": first_topic,
        "first_group": first_group,
        "credentials_path": str(settings.DATA_DIR / "credentials.json") if actor.is_root else "",
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
        "topics": topic_rows,
        "sees_all": sees_all,
        "operations": _active_operations(actor, instance),
        "live_names": f"instance:{instance.pk}",
        "code": code.snippets(request, instance, topic=first_topic or "orders", group=first_group or "workers"),
    }
    return page.render(request, "pages/overview.html", context, section="overview", instance=instance)


def _active_operations(actor: Actor, instance: Instance) -> list[Operation]:
    rows = Operation.objects.filter(instance=instance, state__in=ACTIVE).select_related("group").order_by("-pk")[:50]
    seen = (
        row
        for row in rows
        if access.may_on_group(actor, "mq:QueryOperation", instance=instance.name, group=row.group.name)
    )
    return list(islice(seen, 5))
