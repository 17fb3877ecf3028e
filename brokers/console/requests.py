"""Pages of requests: what became of them, one that was asked here, and asking."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods

from brokers.catalog import access, snapshot
from brokers.domain import clock, previews
from brokers.domain import messages as wire
from brokers.domain.actor import Actor
from brokers.domain.errors import ErrorCode, NotFound
from brokers.domain.requests import Reply, new_correlation_id
from brokers.engine import asking, quotas, request_pages
from brokers.engine.request_pages import RequestPage
from brokers.engine.request_stats import Line, Summary
from brokers.engine.requests import Name, Question, Standing
from brokers.models import Instance, Topic

from . import page, problems, send, topics
from .request_forms import AskForm

# Minutes to look back, and what the link says.
WINDOWS = ((15, _("15 minutes")), (60, _("1 hour")), (360, _("6 hours")), (1440, _("24 hours")))
_DEFAULT_MINUTES = 60
_BAR_COUNT = 60
STATES = {"OPEN": "ASKED", "ANSWERED": "ANSWERED", "TIMEOUT": "TIMED_OUT", "GONE": "ABANDONED"}


@dataclass(frozen=True, slots=True)
class Bar:
    """One column of the chart: when it begins, its counts, and heights out of 100, stacked from below."""

    at: datetime
    answered: int
    timed_out: int
    no_responder: int
    heights: tuple[float, float, float]

    @property
    def tops(self) -> tuple[float, float, float]:
        """Returns where each part begins, from above."""
        answered, timed_out, no_responder = self.heights
        return 100 - answered, 100 - answered - timed_out, 100 - answered - timed_out - no_responder


@dataclass(frozen=True, slots=True)
class Row:
    """A topic of the list."""

    line: Line
    in_flight: int | None
    readers: list[str] | None


@page.page
@require_GET
def index(request: HttpRequest, instance: str) -> HttpResponse:
    actor = page.actor(request)
    home = access.instance(actor, instance)
    minutes = _minutes(request)
    found = request_pages.of_instance(actor, home, over=timedelta(minutes=minutes))
    flights = request_pages.in_flight(actor, home)
    context = {
        **_shown(found, minutes),
        "flights": None if flights is None else flights[0],
        "more_flights": flights is not None and flights[1],
        "live_names": f"instance:{home.pk} " + " ".join(f"topic:{line.topic_id}" for line in found.summary.topics),
    }
    return page.render(request, "pages/requests.html", context, section="requests", instance=home)


@page.page
@require_GET
def of_topic(request: HttpRequest, instance: str, topic: str) -> HttpResponse:
    actor = page.actor(request)
    found = access.topic(actor, instance, topic, action="mq:QueryTopic")
    minutes = _minutes(request)
    shown = request_pages.of_topic(actor, found, over=timedelta(minutes=minutes))
    context = {**_shown(shown, minutes), "readers": shown.readers[found.pk]}
    return topics.page_of(request, found, tab="requests", context=context)


@page.page
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest, instance: str) -> HttpResponse:
    actor = page.actor(request)
    home = access.instance(actor, instance)
    form = AskForm(request.POST) if request.method == "POST" else AskForm(initial=_initial(request))
    if form.is_bound and form.is_valid():
        try:
            name = _ask(request, home, form.cleaned_data)
        except page.FORM_ERRORS as error:
            form.add_error(_FIELDS.get(ErrorCode(error.code)), problems.sentence(error))
        else:
            return HttpResponseRedirect(reverse("request", args=[home.name, name.correlation_id]))
    context = {"form": form, "topic_names": topics.names(actor, home)}
    return page.render(request, "pages/request_form.html", context, section="requests", instance=home)


@page.page
@require_GET
def show(request: HttpRequest, instance: str, correlation_id: str) -> HttpResponse:
    actor = page.actor(request)
    home = access.instance(actor, instance)
    found = asking.look(Name(actor.account_id, correlation_id))
    standing = found.standing
    if standing is None or standing.instance_id != home.pk or not _may_look(actor, standing.user_id):
        raise NotFound(
            "There is no such request of yours: it was never asked, or its time was over more than ten minutes ago.",
            ErrorCode.REQUEST_NOT_FOUND,
        )
    topic = Topic.objects.filter(pk=standing.topic_id).first()
    context = {
        "correlation_id": correlation_id,
        "standing": standing,
        "state": _state(standing),
        "topic": topic,
        "took": [_described(reply, standing.asked_at_ms) for reply in found.replies],
        "left": max(0.0, (standing.deadline_ms - clock.now_ms()) / 1000),
        "live_names": f"topic:{standing.topic_id}",
    }
    return page.render(request, "pages/request.html", context, section="requests", instance=home)


_FIELDS = {**send.FIELDS, ErrorCode.NO_RESPONDER: "topic"}


def _state(standing: Standing) -> str:
    is_partial = standing.state == "ANSWERED" and standing.got < standing.most
    return "PARTLY_ANSWERED" if is_partial else STATES[standing.state]


def _may_look(actor: Actor, user_id: int | None) -> bool:
    return actor.is_root or user_id == actor.user_id


def _initial(request: HttpRequest) -> dict[str, Any]:  # Any: form values
    return {"topic": request.GET.get("topic", ""), "timeout_seconds": 10, "max_replies": 1}


def _ask(request: HttpRequest, home: Instance, read: dict[str, Any]) -> Name:  # Any: form values
    sender = page.actor(request)
    topic = access.topic(sender, home.name, read["topic"], action="mq:PUB")
    message = wire.Outgoing(
        body=read["body"].replace("\r\n", "\n").encode(),
        message_id=wire.new_message_id(),
        tag=read["tag"] or None,
        keys=read["keys"],
        properties=read["properties"],
        sharding_key=read["sharding_key"] or None,
        born_at_ms=clock.now_ms(),
        born_host=request.META.get("REMOTE_ADDR", ""),
    )
    wire.check(message)
    payer = quotas.Payer(home.account_id, home.pk, home.name, sender.access_key_id, is_send=True)
    quotas.pay_now(payer, [len(message.body)])
    question = Question(
        name=Name(sender.account_id, new_correlation_id()),
        topic=snapshot.topic(home.account_id, home.name, topic.name),
        message=message,
        timeout=timedelta(seconds=read["timeout_seconds"]),
        max_replies=read["max_replies"],
        reply_to=f"console:{sender.name}",
        asker=sender.name,
        user_id=sender.user_id,
        is_kept=True,
    )
    asking.ask(question)
    return question.name


def _described(reply: Reply, asked_at_ms: int) -> dict[str, Any]:  # Any: template values
    return {
        "reply": reply,
        "preview": previews.preview(reply.body, reply.sys_flag),
        "seconds": max(0, reply.replied_at_ms - asked_at_ms) / 1000,
    }


def _minutes(request: HttpRequest) -> int:
    given = request.GET.get("minutes", "")
    return int(given) if given in {str(minutes) for minutes, _ in WINDOWS} else _DEFAULT_MINUTES


def _shown(found: RequestPage, minutes: int) -> dict[str, Any]:  # Any: template values
    summary = found.summary
    flying = summary.in_flight
    rows = [
        Row(line, None if flying is None else flying.get(line.topic_id, 0), found.readers[line.topic_id])
        for line in summary.topics
    ]
    return {
        "summary": summary,
        "rows": rows,
        "bars": _bars(summary, minutes),
        "windows": WINDOWS,
        "minutes": minutes,
    }


def _bars(summary: Summary, minutes: int) -> list[Bar]:
    """Returns the chart's columns, oldest first, the last one still growing."""
    count = min(minutes, _BAR_COUNT)
    width = timedelta(minutes=minutes / count)
    end = clock.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
    begin = end - count * width
    parts = [[0, 0, 0] for _ in range(count)]
    for point in summary.points:
        number = int((point.minute - begin) / width)
        if 0 <= number < count:
            for kind, value in enumerate((point.answered, point.timed_out, point.no_responder)):
                parts[number][kind] += value
    most = max(1, *(sum(part) for part in parts))
    return [_bar(begin + number * width, part, most=most) for number, part in enumerate(parts)]


def _bar(at: datetime, counts: list[int], *, most: int) -> Bar:
    answered, timed_out, no_responder = counts
    heights = (100 * answered / most, 100 * timed_out / most, 100 * no_responder / most)
    return Bar(at, answered, timed_out, no_responder, heights)
