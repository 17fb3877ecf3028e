"""The form that sends one real message."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from brokers.catalog import access, snapshot
from brokers.domain import clock
from brokers.domain import messages as wire
from brokers.domain.errors import BrokerError, ErrorCode, Rejected
from brokers.engine import publish, quotas, visible
from brokers.models import Instance

from . import page, problems, topics
from .forms import SendForm

FIELDS = {
    ErrorCode.TOPIC_NOT_FOUND: "topic",
    ErrorCode.TOPIC_TYPE_MISMATCH: "topic",
    ErrorCode.MESSAGE_TOO_LARGE: "body",
    ErrorCode.PROPERTIES_TOO_LARGE: "properties",
    ErrorCode.RESERVED_PROPERTY: "properties",
}


@page.page
@require_http_methods(["GET", "POST"])
def send(request: HttpRequest, instance: str) -> HttpResponse:
    home = access.instance(page.actor(request), instance)
    sent = None
    form = SendForm(request.POST) if request.method == "POST" else SendForm(initial=_initial(request, home))
    if form.is_bound and form.is_valid():
        try:
            sent = _send(request, home, form.cleaned_data)
        except page.FORM_ERRORS as error:
            form.add_error(FIELDS.get(ErrorCode(error.code)), problems.sentence(error))
    context = {"form": form, "sent": sent, "topic_names": topics.names(page.actor(request), home)}
    return page.render(request, "pages/send.html", context, section="send", instance=home)


def _send(request: HttpRequest, home: Instance, read: dict[str, Any]) -> publish.Published:  # Any: form values
    topic = access.topic(page.actor(request), home.name, read["topic"], action="mq:PUB")
    delay = read["delay_seconds"]
    message = wire.Outgoing(
        body=read["body"].replace("\r\n", "\n").encode(),
        message_id=wire.new_message_id(),
        tag=read["tag"] or None,
        keys=read["keys"],
        properties=read["properties"],
        sharding_key=read["sharding_key"] or None,
        delay=timedelta(seconds=delay) if delay else None,
        born_at_ms=clock.now_ms(),
        born_host=request.META.get("REMOTE_ADDR", ""),
    )
    wire.check(message)
    sender = page.actor(request)
    payer = quotas.Payer(home.account_id, home.pk, home.name, sender.access_key_id, is_send=True)
    quotas.pay_now(payer, [len(message.body)])
    entry = snapshot.topic(home.account_id, home.name, topic.name)
    [result] = publish.publish([publish.Send(entry, message)])
    if isinstance(result, BrokerError):
        raise result
    return result


def _initial(request: HttpRequest, home: Instance) -> dict[str, str]:
    """Fills the form from the address: a topic, or a whole message to send again (`like`)."""
    initial = {"topic": request.GET.get("topic", "")}
    like = request.GET.get("like", "")
    if not like:
        return initial
    found = visible.message(page.actor(request), home, like, topic=initial["topic"] or None)
    text = found.body.preview.text if found.body else None
    if text is None or (found.body and found.body.preview.is_cut):
        raise Rejected(
            "The body of this message is not text, or too large to edit here; send it again through the API."
        )
    own = {name: value for name, value in found.main.properties.items() if name not in wire.RESERVED_PROPERTIES}
    sharding_key = own.pop(wire.SHARDING_KEY, "")
    return {
        **initial,
        "body": text,
        "tag": found.main.tag or "",
        "keys": " ".join(found.main.keys),
        "properties": "\n".join(f"{name}={value}" for name, value in own.items()),
        "sharding_key": sharding_key,
    }
