"""Redrives as people follow them: the list, one with its ledger, and the buttons that stop and go on."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from brokers.catalog import access, selectors
from brokers.domain.actor import Actor
from brokers.domain.errors import Rejected
from brokers.domain.states import OPERATION, OperationEvent, OperationState
from brokers.engine import dead_letters
from brokers.models import Operation

from . import page

TONES = {
    OperationState.SUCCEEDED: "tone-ok",
    OperationState.PARTIAL: "tone-warn",
    OperationState.CANCELLED: "tone-quiet",
    OperationState.FAILED: "tone-bad",
    OperationState.PAUSED: "tone-warn",
}
FINISHED = {OperationState.SUCCEEDED, OperationState.PARTIAL, OperationState.CANCELLED, OperationState.FAILED}


@page.page
@require_GET
def index(request: HttpRequest, instance: str) -> HttpResponse:
    actor = page.actor(request)
    home = access.instance(actor, instance)
    found = selectors.operations(actor, home, cursor=request.GET.get("cursor", ""))
    context = {
        "rows": found.items,
        "next_cursor": found.next,
        "live_names": f"instance:{home.pk} " + " ".join(f"operation:{row.pk}" for row in found.items),
    }
    return page.render(request, "pages/operations.html", context, section="operations", instance=home)


@page.page
@require_GET
def show(request: HttpRequest, instance: str, number: int) -> HttpResponse:
    actor = page.actor(request)
    found = access.operation(actor, instance, number)
    may_change = access.may_on_group(actor, "mq:Resend", instance=instance, group=found.group.name)
    state = OperationState(found.state)
    outcome = request.GET.get("outcome", "")
    ledger = dead_letters.ledger(found, outcome=outcome or None, cursor=request.GET.get("cursor") or None)
    done = found.moved_count + found.skipped_count + found.failed_count
    context = {
        "operation": found,
        "done": done,
        "left": max(0, found.matched_count - done),
        "is_finished": state in FINISHED,
        "tone": TONES.get(state, "tone-brand"),
        "can_pause": may_change and (state, OperationEvent.PAUSE) in OPERATION,
        "can_resume": may_change and (state, OperationEvent.RESUME) in OPERATION,
        "can_cancel": may_change and (state, OperationEvent.CANCEL) in OPERATION,
        "entries": ledger.items,
        "next_cursor": ledger.next,
        "outcome": outcome,
        "live_names": f"operation:{found.pk}",
    }
    return page.render(request, "pages/operation.html", context, section="operations", instance=found.instance)


@page.page
@require_POST
def pause(request: HttpRequest, instance: str, number: int) -> HttpResponse:
    return _change(request, instance, number, change=dead_letters.pause)


@page.page
@require_POST
def resume(request: HttpRequest, instance: str, number: int) -> HttpResponse:
    return _change(request, instance, number, change=dead_letters.resume)


@page.page
@require_POST
def cancel(request: HttpRequest, instance: str, number: int) -> HttpResponse:
    return _change(request, instance, number, change=dead_letters.cancel)


def _change(
    request: HttpRequest, instance: str, number: int, *, change: Callable[[Actor, Operation], Operation]
) -> HttpResponse:
    actor = page.actor(request)
    found = access.operation(actor, instance, number, action="mq:Resend")
    try:
        change(actor, found)
    except Rejected as error:  # it ended, or somebody else was faster
        page.report(request, error)
    return HttpResponseRedirect(reverse("operation", args=[instance, number]))
