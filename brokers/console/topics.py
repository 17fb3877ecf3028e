"""Pages of topics: list, one topic, create, edit, delete."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from brokers.catalog import access, actions, editions, selectors
from brokers.domain import limits
from brokers.domain.actor import Actor
from brokers.domain.errors import BrokerError, Rejected
from brokers.engine import removal, transaction_pages
from brokers.models import Instance, Topic

from . import code, page, problems, rows
from .forms import TOPIC_TYPES, TopicEditForm, TopicForm


@page.page
@require_GET
def index(request: HttpRequest, instance: str) -> HttpResponse:
    actor = page.actor(request)
    home = access.instance(actor, instance)
    search = request.GET.get("search", "").strip()
    kind = request.GET.get("kind", "")
    found = selectors.topics(
        actor,
        home,
        search=search,
        kind=kind if kind in Topic.Kind.values else Topic.Kind.USER,
        cursor=request.GET.get("cursor", ""),
        limit=limits.PAGE_DEFAULT,
    )
    context = {
        "rows": rows.topics(actor, home, found.items),
        "next_cursor": found.next,
        "search": search,
        "kind": kind,
        "live_names": f"instance:{home.pk} " + " ".join(f"topic:{topic.pk}" for topic in found.items),
    }
    return page.render(request, "pages/topics.html", context, section="topics", instance=home)


@page.page
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest, instance: str) -> HttpResponse:
    actor = page.actor(request)
    home = access.instance(actor, instance)
    form = TopicForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        read = form.cleaned_data
        try:
            topic = actions.create_topic(
                actor, home, name=read["name"], type=read["type"], queue_count=read["queues"], remark=read["remark"]
            )
        except page.FORM_ERRORS as error:
            form.add_error(_field_of(error), problems.sentence(error))
        else:
            messages.success(request, _("The topic %(name)s is ready.") % {"name": topic.name})
            return HttpResponseRedirect(reverse("topic", args=[home.name, topic.name]))
    context = {"form": form, "types": TOPIC_TYPES, "heading": _("New topic")}
    return page.render(request, "pages/topic_form.html", context, section="topics", instance=home)


@page.page
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, instance: str, topic: str) -> HttpResponse:
    actor = page.actor(request)
    found = access.topic(actor, instance, topic, action="mq:UpdateTopic")
    form = TopicEditForm(request.POST or None, initial={"queues": found.queue_count, "remark": found.remark})
    if request.method == "POST" and form.is_valid():
        try:
            actions.update_topic(
                actor,
                found,
                queue_count=form.cleaned_data["queues"],
                remark=form.cleaned_data["remark"],
                seen=page.seen(request),
            )
        except page.FORM_ERRORS as error:
            form.add_error(None, problems.sentence(error))
        else:
            messages.success(request, _("Saved."))
            return HttpResponseRedirect(reverse("topic", args=[instance, topic]))
    context = {
        "form": form,
        "topic": found,
        "heading": _("Edit topic"),
        **page.with_edition(request, editions.of(found)),
    }
    return page.render(request, "pages/topic_form.html", context, section="topics", instance=found.instance)


@page.page
@require_POST
def delete(request: HttpRequest, instance: str, topic: str) -> HttpResponse:
    actor = page.actor(request)
    found = access.topic(actor, instance, topic, action="mq:DeleteTopic")
    if not page.is_confirmed(request, found.name):
        return HttpResponseRedirect(reverse("topic", args=[instance, topic]))
    try:
        removal.delete_topic(actor, found, force=request.POST.get("force") == "1")
    except Rejected as error:
        page.report(request, error)
        return HttpResponseRedirect(reverse("topic", args=[instance, topic]))
    messages.success(request, _("The topic %(name)s is deleted.") % {"name": topic})
    return HttpResponseRedirect(reverse("topics", args=[instance]))


@page.page
@require_GET
def queues(request: HttpRequest, instance: str, topic: str) -> HttpResponse:
    found = access.topic(page.actor(request), instance, topic, action="mq:QueryTopic")
    lines = rows.queue_lines(found)
    context: dict[str, object] = {"queues": lines, "most_kept": max([1, *(line.kept for line in lines)])}
    actor = page.actor(request)
    may_look = access.may(actor, "mq:QueryMessage", access.resource(actor.account_id, instance, topic))
    counts = transaction_pages.counts(found.instance, found) if may_look else {}
    if may_look and (found.type == Topic.Type.TRANSACTION or any(counts.values())):
        context |= {"counts": counts, "live_names": f"topic:{found.pk} transactions:{found.instance_id}"}
    return page_of(request, found, tab="queues", context=context)


@page.page
@require_GET
def groups(request: HttpRequest, instance: str, topic: str) -> HttpResponse:
    found = access.topic(page.actor(request), instance, topic, action="mq:QueryTopic")
    return page_of(request, found, tab="groups", context={"rows": rows.receivers(page.actor(request), found)})


@page.page
@require_GET
def client_code(request: HttpRequest, instance: str, topic: str) -> HttpResponse:
    found = access.topic(page.actor(request), instance, topic, action="mq:QueryTopic")
    [group, *_] = [*selectors.groups(page.actor(request), found.instance, limit=1).items, None]
    snippets = code.snippets(request, found.instance, topic=found.name, group=group.name if group else "workers")
    return page_of(request, found, tab="code", context={"code": snippets})


def names(actor: Actor, instance: Instance) -> list[str]:
    """Returns names to suggest in a form: the first topics of the instance that the reader may see."""
    return [topic.name for topic in selectors.topics(actor, instance, limit=limits.PAGE_MAX).items]


def page_of(request: HttpRequest, topic: Topic, *, tab: str, context: dict[str, object]) -> HttpResponse:
    """Renders one tab of a topic's page."""
    [row] = rows.topics(page.actor(request), topic.instance, [topic])
    values = {
        "topic": topic,
        "tab": tab,
        "stats": row.stats,
        "group_count": row.group_count,
        "live_names": f"topic:{topic.pk}",
        **context,
    }
    return page.render(request, "pages/topic.html", values, section="topics", instance=topic.instance)


def _field_of(error: BrokerError) -> str | None:
    return "name" if error.code in {"INVALID_NAME", "ALREADY_EXISTS"} else None
