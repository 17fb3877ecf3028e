"""Pages of groups: list, one group, create, edit, pause, delete."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from brokers.catalog import access, actions, editions, selectors
from brokers.domain import retry
from brokers.domain.errors import Rejected
from brokers.engine import clients, offsets, relays, removal
from brokers.models import Group

from . import code, obstacles, page, problems, rows, topics
from .forms import GroupEditForm, GroupForm


@page.page
@require_GET
def index(request: HttpRequest, instance: str) -> HttpResponse:
    actor = page.actor(request)
    home = access.instance(actor, instance)
    search = request.GET.get("search", "").strip()
    found = selectors.groups(actor, home, search=search, cursor=request.GET.get("cursor", ""))
    context = {
        "rows": rows.groups(found.items),
        "next_cursor": found.next,
        "search": search,
        "live_names": f"instance:{home.pk} " + " ".join(f"group:{group.pk}" for group in found.items),
    }
    return page.render(request, "pages/groups.html", context, section="groups", instance=home)


@page.page
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest, instance: str) -> HttpResponse:
    actor = page.actor(request)
    home = access.instance(actor, instance)
    form = GroupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        read = form.cleaned_data
        try:
            group = actions.create_group(
                actor,
                home,
                name=read["name"],
                order=read["order"],
                max_attempts=read["max_attempts"],
                invisible_seconds=read["invisible_seconds"],
                backoff_seconds=read["backoff"],
                start_from=read["start_from"],
                remoting_mode=read["remoting_mode"] or Group.RemotingMode.PULL,
                remark=read["remark"],
            )
        except page.FORM_ERRORS as error:
            form.add_error(
                "name" if error.code in {"INVALID_NAME", "ALREADY_EXISTS"} else None, problems.sentence(error)
            )
        else:
            messages.success(request, _("The group %(name)s is ready.") % {"name": group.name})
            return HttpResponseRedirect(reverse("group", args=[home.name, group.name]))
    context = {"form": form, "heading": _("New group")}
    return page.render(request, "pages/group_form.html", context, section="groups", instance=home)


@page.page
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, instance: str, group: str) -> HttpResponse:
    actor = page.actor(request)
    found = access.group(actor, instance, group, action="mq:UpdateGroup")
    initial = {
        "max_attempts": found.max_attempts,
        "invisible_seconds": found.invisible_seconds,
        "backoff": ", ".join(map(str, found.backoff_seconds)),
        "remoting_mode": found.remoting_mode,
        "remark": found.remark,
    }
    form = GroupEditForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        read = form.cleaned_data
        try:
            actions.update_group(
                actor,
                found,
                max_attempts=read["max_attempts"],
                invisible_seconds=read["invisible_seconds"],
                backoff_seconds=read["backoff"],
                remoting_mode=read["remoting_mode"] or None,
                remark=read["remark"],
                seen=page.seen(request),
            )
        except page.FORM_ERRORS as error:
            form.add_error(None, problems.sentence(error))
        else:
            messages.success(request, _("Saved."))
            return HttpResponseRedirect(reverse("group_settings", args=[instance, group]))
    context = {
        "form": form,
        "group": found,
        "heading": _("Edit group"),
        **page.with_edition(request, editions.of(found)),
    }
    return page.render(request, "pages/group_form.html", context, section="groups", instance=found.instance)


@page.page
@require_POST
def pause(request: HttpRequest, instance: str, group: str) -> HttpResponse:
    """Stops or starts handing out messages, as the posted `paused` says."""
    actor = page.actor(request)
    found = access.group(actor, instance, group, action="mq:UpdateGroup")
    paused = request.POST.get("paused") == "1"
    actions.update_group(actor, found, paused=paused)
    messages.success(request, _("The group is paused.") if paused else _("The group receives again."))
    return HttpResponseRedirect(reverse("group", args=[instance, group]))


@page.page
@require_POST
def delete(request: HttpRequest, instance: str, group: str) -> HttpResponse:
    actor = page.actor(request)
    found = access.group(actor, instance, group, action="mq:DeleteGroup")
    if not page.is_confirmed(request, found.name):
        return HttpResponseRedirect(reverse("group", args=[instance, group]))
    try:
        removal.delete_group(actor, found, force=request.POST.get("force") == "1")
    except Rejected as error:
        page.report(request, error)
        return HttpResponseRedirect(reverse("group", args=[instance, group]))
    messages.success(request, _("The group %(name)s is deleted.") % {"name": group})
    return HttpResponseRedirect(reverse("groups", args=[instance]))


@page.page
@require_GET
def progress(request: HttpRequest, instance: str, group: str) -> HttpResponse:
    found = access.group(page.actor(request), instance, group, action="mq:QueryGroup")
    overall = offsets.progress([found.pk])[found.pk]
    queues = offsets.of_group(found)
    seen = clients.clients(found.pk)
    shows = access.filter_of(page.actor(request), instance, "mq:QueryTopic")
    context = {
        "progress": overall,
        "is_late": rows.is_late(overall),
        "topics": [part for part in rows.sections(queues, overall) if part.is_retry or not shows or shows(part.name)],
        "obstacles": obstacles.of_group(page.actor(request), found, overall, queues=queues, clients=seen),
        "clients": seen,
        "askable": {seen.client_id for seen in relays.connected(found.pk) or ()},
    }
    return page_of(request, found, tab="progress", context=context)


@page.page
@require_GET
def settings(request: HttpRequest, instance: str, group: str) -> HttpResponse:
    found = access.group(page.actor(request), instance, group, action="mq:QueryGroup")
    steps = found.backoff_seconds or retry.DEFAULT_BACKOFF_SECONDS
    return page_of(request, found, tab="settings", context={"backoff": steps})


@page.page
@require_GET
def client_code(request: HttpRequest, instance: str, group: str) -> HttpResponse:
    found = access.group(page.actor(request), instance, group, action="mq:QueryGroup")
    [topic, *_] = [*topics.names(page.actor(request), found.instance), "orders"]
    snippets = code.snippets(request, found.instance, topic=topic, group=found.name)
    return page_of(request, found, tab="code", context={"code": snippets})


def page_of(request: HttpRequest, group: Group, *, tab: str, context: dict[str, object]) -> HttpResponse:
    """Renders one tab of a group's page."""
    values = {"group": group, "tab": tab, "live_names": f"group:{group.pk}", **context}
    return page.render(request, "pages/group.html", values, section="groups", instance=group.instance)
