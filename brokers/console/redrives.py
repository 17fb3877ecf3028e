"""Replaying dead letters: first what it would do, then the start of a redrive."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from brokers.catalog import access
from brokers.domain import limits
from brokers.domain.errors import Rejected
from brokers.engine import dead_letters
from brokers.engine.dead_letters import Preview, Selection
from brokers.models import Group, Operation

from . import page, problems, topics
from .dead_letters import read_filter
from .forms import DeadLetterFilterForm, RedriveForm


@page.page
@require_POST
def redrive(request: HttpRequest, instance: str, group: str) -> HttpResponse:
    """Shows what would be replayed; with `step=start`, starts it and shows its progress."""
    actor = page.actor(request)
    found = access.group(actor, instance, group, action="mq:Resend")
    selection = _selection(request.POST)
    is_start = request.POST.get("step") == "start"
    form = RedriveForm(request.POST) if is_start else RedriveForm(initial={"destination": "origin"})
    if is_start and form.is_valid():
        try:
            started = dead_letters.start_redrive(
                actor, found, selection=selection, destination=form.target(), rate=form.cleaned_data["rate"]
            )
        except page.FORM_ERRORS as error:
            form.add_error("topic" if error.code.startswith("TOPIC") else None, problems.sentence(error))
        else:
            assert isinstance(started, Operation), "only a dry run answers with a preview"
            messages.success(request, _("The replay has started; this page follows it."))
            return HttpResponseRedirect(reverse("operation", args=[instance, started.pk]))
    try:
        preview = dead_letters.start_redrive(actor, found, selection=selection, dry_run=True)
    except Rejected as error:
        page.report(request, error)
        return HttpResponseRedirect(reverse("dead_letters", args=[instance, group]))
    assert isinstance(preview, Preview), "a dry run starts nothing"
    return page.render(
        request,
        "pages/redrive.html",
        {"form": form, "preview": preview, **_frame(request, found)},
        section="groups",
        instance=found.instance,
    )


def _selection(posted: QueryDict) -> Selection:
    if posted.get("scope") == "all":
        return Selection(filter=read_filter(DeadLetterFilterForm(QueryDict(posted.get("filter", "")))))
    return Selection(ids=tuple(int(text) for text in posted.getlist("id") if _is_id(text)))


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= limits.INT64_MAX


def _frame(request: HttpRequest, group: Group) -> dict[str, object]:
    return {
        "group": group,
        "scope": "all" if request.POST.get("scope") == "all" else "ticked",
        "filter_text": request.POST.get("filter", ""),
        "ids": [text for text in request.POST.getlist("id") if _is_id(text)],
        "topic_names": topics.names(page.actor(request), group.instance),
    }
