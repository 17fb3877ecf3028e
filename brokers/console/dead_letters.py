"""Dead letters: by group, as a list with filters, and one of them."""

from django.http import HttpRequest, HttpResponse, QueryDict
from django.views.decorators.http import require_GET

from brokers.catalog import access, selectors
from brokers.domain import limits
from brokers.domain.filters import parse_tags
from brokers.engine import dead_letters
from brokers.engine.dead_letters import Filter
from brokers.models import Group

from . import page, rows
from .bodies import body_view
from .forms import DeadLetterFilterForm

FAILURES_SHOWN = 6


@page.page
@require_GET
def by_group(request: HttpRequest, instance: str) -> HttpResponse:
    """Lists the groups that have given up on something, most first."""
    actor = page.actor(request)
    home = access.instance(actor, instance)
    found = selectors.groups(actor, home, limit=limits.PAGE_MAX, action="mq:QueryDLQMessage")
    group_rows = [row for row in rows.groups(found.items) if row.progress.dead]
    context = {
        "rows": sorted(group_rows, key=lambda row: -row.progress.dead),
        "groups_more": found.next is not None,
        "groups_seen": len(found.items),
        "live_names": f"instance:{home.pk} " + " ".join(f"group:{row.group.pk}" for row in group_rows),
    }
    return page.render(request, "pages/dead_letters_all.html", context, section="dead-letters", instance=home)


@page.page
@require_GET
def index(request: HttpRequest, instance: str, group: str) -> HttpResponse:
    found = access.group(page.actor(request), instance, group, action="mq:QueryDLQMessage")
    form = DeadLetterFilterForm(request.GET)
    wanted = read_filter(form)
    listed = dead_letters.page(found, wanted, cursor=request.GET.get("cursor") or None)
    is_filtered = wanted != Filter()
    context = {
        **_frame(found),
        "form": form,
        "is_filtered": is_filtered,
        "has_more_filters": any([wanted.topic, wanted.tags, wanted.key, wanted.start, wanted.end]),
        "filter_text": _filter_text(request.GET),
        "page": listed,
        "total": dead_letters.count(found, _waiting(wanted)),
        "failures": None if is_filtered else dead_letters.failures(found),
        "failures_shown": f":{FAILURES_SHOWN}",
        "failure": wanted.failure,
    }
    return page.render(request, "pages/dead_letters.html", context, section="groups", instance=found.instance)


@page.page
@require_GET
def show(request: HttpRequest, instance: str, group: str, number: int) -> HttpResponse:
    found = access.group(page.actor(request), instance, group, action="mq:QueryDLQMessage")
    opened = dead_letters.opened(page.actor(request), found, number)
    context = {
        **_frame(found),
        "letter": opened.letter,
        "body": body_view(opened.body, request.GET.get("view", "")),
    }
    return page.render(request, "pages/dead_letter.html", context, section="groups", instance=found.instance)


def read_filter(form: DeadLetterFilterForm) -> Filter:
    """Returns what the form asks for; a field that cannot be read is left out and shows its error."""
    form.is_valid()
    read = form.cleaned_data
    tags = parse_tags(read.get("tag") or "").tags
    return Filter(
        state=read.get("state") or None,
        topic=read.get("topic") or None,
        key=read.get("key") or None,
        tags=tuple(sorted(tags)) or None,
        message_id=read.get("message_id") or None,
        error=read.get("error") or None,
        failure=read.get("failure") or None,
        start=read.get("start"),
        end=read.get("end"),
    )


def _waiting(wanted: Filter) -> Filter:
    """Returns the filter for what a replay would take."""
    return Filter(
        state="DEAD",
        topic=wanted.topic,
        key=wanted.key,
        tags=wanted.tags,
        message_id=wanted.message_id,
        error=wanted.error,
        failure=wanted.failure,
        start=wanted.start,
        end=wanted.end,
    )


def _filter_text(asked: QueryDict) -> str:
    """Returns the filter as a query string, for the form that replays all that match."""
    kept = QueryDict(mutable=True)
    for name in DeadLetterFilterForm.base_fields:
        value = asked.get(name)
        if name != "state" and isinstance(value, str) and value:
            kept[name] = value
    return kept.urlencode()


def _frame(group: Group) -> dict[str, object]:
    return {"group": group, "tab": "dead-letters", "live_names": f"group:{group.pk}"}
