"""Moving a group in a topic: a form, a table of what would happen, the move, and its undoing.

What undoes the last move a reader made is kept in their session, until they make another.
"""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from brokers.catalog import access
from brokers.engine import offsets
from brokers.models import Group

from . import page, problems
from .forms import ResetForm

_UNDO = "mq_reset_undo"
_UNDO_RANGE_COUNT = 500  # the session is read at every request; what is beyond may come to the group once more


@page.page
@require_http_methods(["GET", "POST"])
def reset(request: HttpRequest, instance: str, group: str) -> HttpResponse:
    actor = page.actor(request)
    found = access.group(actor, instance, group, action="mq:ResetConsumerOffset")
    shows = access.filter_of(actor, instance, "mq:ResetConsumerOffset")
    read = offsets.progress([found.pk])[found.pk].topics
    names = [topic.topic for topic in read if shows is None or shows(topic.topic)]
    asked = request.POST.get("topic", "")
    if asked and asked not in names:
        access.topic(actor, instance, asked, action="mq:ResetConsumerOffset")  # who may not hears so, and why
    if request.method == "POST" and request.POST.get("step") == "undo":
        return _undo(request, found)
    preview = None
    form = ResetForm(request.POST or None, topics=names)
    if request.method == "POST" and form.is_valid():
        is_applied = request.POST.get("step") == "apply"
        topic = access.topic(actor, instance, form.cleaned_data["topic"], action="mq:ResetConsumerOffset")
        try:
            preview = offsets.reset(
                actor, found, topic, to=form.cleaned_data["to"], value=form.target(), dry_run=not is_applied
            )
        except page.FORM_ERRORS as error:
            form.add_error(None, problems.sentence(error))
        else:
            if is_applied:
                _keep(request, found, topic.name, done=preview)
                said = _("The group was moved in %(topic)s. The page of resets can undo it.") % {"topic": topic.name}
                messages.success(request, said)
                return HttpResponseRedirect(reverse("group", args=[instance, group]))
    context = {"form": form, "group": found, "preview": preview, "undo": _kept(request, found)}
    return page.render(request, "pages/group_reset.html", context, section="groups", instance=found.instance)


def _undo(request: HttpRequest, group: Group) -> HttpResponse:
    """Puts the group back where it was before the reader's last move of it."""
    actor, here = page.actor(request), [group.instance.name, group.name]
    kept = _kept(request, group)
    if kept is None:
        messages.error(request, _("There is nothing to undo."))
        return HttpResponseRedirect(reverse("group_reset", args=here))
    topic = access.topic(actor, group.instance.name, kept["topic"], action="mq:ResetConsumerOffset")
    offsets.reset(
        actor,
        group,
        topic,
        to="offset",
        value={int(queue): offset for queue, offset in kept["value"].items()},
        settled={int(queue): tuple((a, b) for a, b in ranges) for queue, ranges in kept["settled"].items()},
    )
    del request.session[_UNDO]
    messages.success(request, _("The group is back where it was in %(topic)s.") % {"topic": topic.name})
    return HttpResponseRedirect(reverse("group", args=here))


def _keep(request: HttpRequest, group: Group, topic: str, *, done: offsets.Reset) -> None:
    if not done.undo:
        request.session.pop(_UNDO, None)
        return
    each = _UNDO_RANGE_COUNT // max(1, len(done.settled))
    request.session[_UNDO] = {
        "group": group.pk,
        "topic": topic,
        "value": {str(queue): offset for queue, offset in done.undo.items()},
        "settled": {str(queue): ranges[:each] for queue, ranges in done.settled.items()},
    }


def _kept(request: HttpRequest, group: Group) -> dict[str, Any] | None:  # Any: what `_keep` put there
    """Returns what undoes the reader's last move, when it was of this group."""
    kept = request.session.get(_UNDO)
    return kept if kept and kept["group"] == group.pk else None
