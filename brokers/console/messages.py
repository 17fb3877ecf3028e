"""Finding messages, and one message with all that happened to it."""

from datetime import timedelta
from urllib.parse import urlencode

from django.contrib import messages as notices
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from brokers.catalog import access, snapshot
from brokers.domain import clock
from brokers.domain.actor import Actor
from brokers.engine import browse, relays, schedule, visible
from brokers.engine.browse import MessagePage
from brokers.engine.message_page import Waiting
from brokers.models import Instance, Topic

from . import page, problems, stories, topics, traces
from .bodies import body_view
from .forms import SearchForm


@page.page
@require_GET
def search(request: HttpRequest, instance: str) -> HttpResponse:
    actor = page.actor(request)
    home = access.instance(actor, instance)
    form = SearchForm(request.GET or None)
    result = None
    if form.is_bound and form.is_valid() and form.has_query():
        wanted = {name: form.cleaned_data[name] or None for name in form.fields}
        query = browse.Search(instance_id=home.pk, **wanted)
        try:
            result = visible.search(actor, home, query, cursor=request.GET.get("cursor") or None)
        except page.FORM_ERRORS as error:
            form.add_error("topic" if error.code == "TOPIC_NOT_FOUND" else None, problems.sentence(error))
    context = {
        "form": form,
        "result": result,
        "spans": _spans(),
        "topic_names": topics.names(actor, home),
        "permalink": request.build_absolute_uri(),
    }
    return page.render(request, "pages/messages.html", context, section="messages", instance=home)


@page.page
@require_GET
def show(request: HttpRequest, instance: str, message_id: str) -> HttpResponse:
    home = access.instance(page.actor(request), instance)
    found = visible.message(page.actor(request), home, message_id, topic=request.GET.get("topic") or None)
    context = {
        "message": found,
        "main": found.main,
        "place": stories.place(found),
        "body": body_view(found.body, request.GET.get("view", "")),
        "groups": stories.of_groups(found, home),
        "traced": traces.events(page.actor(request), home, found),
        "takers": _takers(found),
        "live_names": " ".join(f"group:{standing.group_id}" for standing in found.standings),
        "permalink": request.build_absolute_uri(request.path),
        "resend_url": _resend_url(home.name, found),
        "recall_url": _recall_url(page.actor(request), home, found),
    }
    return page.render(request, "pages/message.html", context, section="messages", instance=home)


@page.page
@require_POST
def recall(request: HttpRequest, instance: str, topic: str, message_id: str) -> HttpResponse:
    actor = page.actor(request)
    found = access.topic(actor, instance, topic, action="mq:PUB")
    try:
        schedule.recall(actor, snapshot.topic(actor.account_id, instance, found.name), message_id)
    except page.FORM_ERRORS as error:  # somebody else, or its time, was faster
        page.report(request, error)
        return HttpResponseRedirect(reverse("message", args=[instance, message_id]))
    notices.success(request, _("The message was recalled; nobody will see it."))
    return HttpResponseRedirect(f"{reverse('messages', args=[instance])}?{urlencode({'topic': topic})}")


def _recall_url(actor: Actor, home: Instance, found: MessagePage) -> str:
    """Returns where a scheduled message is taken back; empty when it is none, or the reader may not send there."""
    main = found.main
    if not isinstance(main, Waiting) or main.kind != "SCHEDULED":
        return ""
    if not access.may(actor, "mq:PUB", access.resource(home.account_id, home.name, main.topic)):
        return ""
    return reverse("message_recall", args=[home.name, main.topic, found.message_id])


def _takers(found: MessagePage) -> list[tuple[str, list[str]]]:
    """Returns the groups concerned that have clients which could be given the message now, and those clients."""
    if not any(copy.kind not in Topic.GROUPS_OWN for copy in found.copies):
        return []
    listed = [(s.group, [c.client_id for c in relays.connected(s.group_id) or ()]) for s in found.standings]
    return [(group, clients) for group, clients in listed if clients]


def _spans() -> list[dict[str, str]]:
    """Returns short cuts for the start of the time range, spelled in the reader's zone."""
    now = timezone.localtime(clock.now()).replace(tzinfo=None, microsecond=0)
    spans = (
        (_("15 min ago"), timedelta(minutes=15)),
        (_("1 h ago"), timedelta(hours=1)),
        (_("6 h ago"), timedelta(hours=6)),
        (_("1 day ago"), timedelta(days=1)),
        (_("3 days ago"), timedelta(days=3)),
    )
    return [{"label": label, "start": (now - span).isoformat()} for label, span in spans]


def _resend_url(instance: str, found: MessagePage) -> str:
    """Returns the send form with this message filled in; the form itself reads the body by id."""
    topic = found.topics[0] if found.topics else ""
    return f"{reverse('send', args=[instance])}?{urlencode({'topic': topic, 'like': found.message_id})}"
