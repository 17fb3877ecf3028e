"""Clients that are connected: what one says of itself, and giving one a message now."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from brokers.catalog import access
from brokers.domain.errors import BrokerError, NotFound
from brokers.engine import relays, visible
from brokers.engine.browse import MessagePage
from brokers.engine.message_page import Copy
from brokers.models import Topic

from . import page, problems


@page.page
@require_GET
def show(request: HttpRequest, instance: str, group: str) -> HttpResponse:
    """A client's own report, asked for when the page is."""
    found = access.group(page.actor(request), instance, group, action="mq:QueryGroup")
    client_id = request.GET.get("id", "")
    with_stacks = request.GET.get("stacks") == "1"
    answer, problem = None, ""
    try:
        who = relays.Client(found.pk, client_id)
        answer = relays.ask(who, relays.RUNNING, {"stacks": "true" if with_stacks else "false"})
    except NotFound:
        problem = _("This client is not connected now.")
    except BrokerError as error:
        problem = problems.sentence(error)
    if answer is not None and answer.code != 0:
        problem = answer.remark
    context = {
        "group": found,
        "client_id": client_id,
        "problem": problem,
        "report": answer.view if answer is not None and answer.code == 0 else None,
        "with_stacks": with_stacks,
    }
    return page.render(request, "pages/client.html", context, section="groups", instance=found.instance)


@page.page
@require_POST
def deliver(request: HttpRequest, instance: str, message_id: str) -> HttpResponse:
    """Makes a connected client consume a message now, beside whatever its group does with it."""
    actor = page.actor(request)
    group = access.group(actor, instance, request.POST.get("group", ""), action="mq:Resend")
    found = visible.message(actor, group.instance, message_id, topic=request.POST.get("topic") or None)
    client_id = request.POST.get("client", "")
    copy = _copy(found)
    back = HttpResponseRedirect(reverse("message", args=[instance, message_id]))
    if copy is None:
        messages.error(request, _("The message is not in the log any more, so nobody can be given it."))
        return back
    try:
        answer = relays.deliver(actor, group, client_id, place=relays.Place(copy.queue_id, copy.offset))
    except BrokerError as error:
        page.report(request, error)
        return back
    names = {"client": client_id, "result": answer.view.get("result", ""), "remark": answer.remark}
    if answer.code != 0:
        messages.error(request, _("%(client)s did not take it: %(remark)s") % names)
    elif answer.view.get("result") == "CR_SUCCESS":
        messages.success(request, _("%(client)s consumed the message.") % names)
    else:
        names["remark"] = answer.view.get("remark", "")
        messages.error(request, _("%(client)s could not deal with it: %(result)s %(remark)s") % names)
    return back


def _copy(found: MessagePage) -> Copy | None:
    """Returns the copy people mean: the one in the topic it was sent to."""
    return next((copy for copy in found.copies if copy.kind not in Topic.GROUPS_OWN), None)
