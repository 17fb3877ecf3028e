"""Transactions as people follow them: what waits, what was discarded, what was decided, and the buttons that decide."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from brokers.catalog import access
from brokers.catalog.snapshot import TopicEntry
from brokers.domain import transactions as ids
from brokers.domain.actor import Actor
from brokers.domain.errors import BrokerError, NotFound, Rejected
from brokers.domain.states import TransactionState
from brokers.domain.transactions import TransactionId
from brokers.engine import back_checks, transaction_pages, transactions
from brokers.engine.transaction_pages import Listed
from brokers.engine.transactions import Decision
from brokers.models import Instance, Topic

from . import page
from .bodies import body_view

TABS = {
    "waiting": (TransactionState.WAITING,),
    "discarded": (TransactionState.DISCARDED,),
    "decided": (TransactionState.COMMITTED, TransactionState.ROLLED_BACK),
}


@page.page
@require_GET
def index(request: HttpRequest, instance: str, tab: str) -> HttpResponse:
    actor = page.actor(request)
    home = access.instance(actor, instance)
    wanted = {name: request.GET.get(name, "").strip() for name in ("topic", "group", "message")}
    topic = access.topic(actor, instance, wanted["topic"], action="mq:QueryMessage") if wanted["topic"] else None
    try:
        found = transaction_pages.page(
            actor,
            home,
            states=TABS[tab],
            topic=topic,
            producer_group=wanted["group"] or None,
            message_id=wanted["message"] or None,
            cursor=request.GET.get("cursor", ""),
        )
    except NotFound:  # there is no such producer group, so nothing of it either
        found = transaction_pages.Page([], None)
    context = {
        **frame(actor, home, tab, topic=topic),
        "linked_groups": _linked_groups(actor, home, {row.half.producer_group for row in found.items}),
        "rows": found.items,
        "next_cursor": found.next,
        "wanted": wanted,
        "is_filtered": any(wanted.values()),
        "kept": request.GET.urlencode(),
    }
    return page.render(request, "pages/transactions.html", context, section="transactions", instance=home)


@page.page
@require_GET
def show(request: HttpRequest, instance: str, transaction: str) -> HttpResponse:
    actor = page.actor(request)
    home = access.instance(actor, instance)
    found = transaction_pages.one(actor, home, transaction)
    scope = access.resource(actor.account_id, home.name, found.half.topic)
    may_decide = access.may(actor, "mq:PUB", scope)
    state = TransactionState(found.half.state)
    context = {
        **frame(actor, home, "", topic=_topic_of(found.half)),
        "linked_groups": _linked_groups(actor, home, {found.half.producer_group}),
        "is_topic_linked": access.may(actor, "mq:QueryTopic", scope),
        "transaction": found,
        "body": None if found.body is None else body_view(found.body, request.GET.get("view", "")),
        "is_open": found.body is not None,
        "can_decide": access.may(actor, "mq:Resend", scope) if state == TransactionState.DISCARDED else may_decide,
        "can_check": may_decide and state == TransactionState.WAITING,
        "back": next(tab for tab, states in TABS.items() if state in states),
    }
    return page.render(request, "pages/transaction.html", context, section="transactions", instance=home)


@page.page
@require_POST
def commit(request: HttpRequest, instance: str, transaction: str) -> HttpResponse:
    return _decide(request, instance, transaction, is_commit=True)


@page.page
@require_POST
def roll_back(request: HttpRequest, instance: str, transaction: str) -> HttpResponse:
    return _decide(request, instance, transaction, is_commit=False)


@page.page
@require_POST
def check(request: HttpRequest, instance: str, transaction: str) -> HttpResponse:
    actor, id, topic = _named(request, instance, transaction)
    try:
        back_checks.check_now(actor, topic, id)
    except Rejected as error:  # it was decided meanwhile
        page.report(request, error)
    else:
        messages.success(request, _("The producer group is being asked."))
    return HttpResponseRedirect(reverse("transaction", args=[instance, transaction]))


def frame(actor: Actor, home: Instance, tab: str, *, topic: Topic | None = None) -> dict[str, object]:
    """Returns what every page of this section shows. Who may not see the whole instance stays with one topic."""
    scope = access.resource(actor.account_id, home.name)
    sees_all = access.may(actor, "mq:QueryMessage", scope)
    # What a deny takes out of the list would still be counted.
    is_counted = topic is not None or access.filter_of(actor, home.name, "mq:QueryMessage") is None
    return {
        "tab": tab,
        "sees_all": sees_all,
        "counts": transaction_pages.counts(home, topic) if is_counted else None,
        "only_topic": "" if topic is None else f"?{urlencode({'topic': topic.name})}",
        "live_names": f"transactions:{home.pk}",
    }


def _topic_of(half: Listed) -> Topic | None:
    return Topic.objects.filter(pk=half.topic_id).first()


def _linked_groups(actor: Actor, home: Instance, names: set[str]) -> set[str]:
    shows = access.filter_of(actor, home.name, "mq:QueryProducerGroup")
    return {name for name in names if shows is None or shows(name)}


def _decide(request: HttpRequest, instance: str, transaction: str, *, is_commit: bool) -> HttpResponse:
    actor, id, topic = _named(request, instance, transaction)
    # The form says what its reader saw: what was discarded meanwhile is not decided unseen.
    is_recovery = request.POST.get("discarded") == "1"
    decision = Decision(id=id, is_commit=is_commit, by=actor.signature, is_recovery=is_recovery)
    try:
        result = transactions.decide_for_person(actor, topic, decision)
    except Rejected as error:
        page.report(request, error)
    else:
        done = _("Committed: the message is visible.") if is_commit else _("Rolled back: nobody will see the message.")
        messages.info(request, _("This was decided before.")) if result.is_repeated else messages.success(request, done)
    return HttpResponseRedirect(reverse("transaction", args=[instance, transaction]))


def _named(request: HttpRequest, instance: str, transaction: str) -> tuple[Actor, TransactionId, TopicEntry]:
    actor = page.actor(request)
    home = access.instance(actor, instance)
    id = ids.parse(transaction)
    try:
        return actor, id, transactions.topic_of(actor.account_id, home.name, id)
    except BrokerError:
        raise ids.missing(transaction) from None
