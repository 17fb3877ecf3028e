"""The forms of the console: they read what was typed into Python values. Rules of the broker stay in the broker.

Owns: labels, widgets, and the reading of times, lists and properties. Must not know: the store.
"""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import limits as account_limits
from brokers.domain import limits
from brokers.models import Group, Topic

CSS = {
    forms.TextInput: "input",
    forms.NumberInput: "input",
    forms.PasswordInput: "input",
    forms.DateTimeInput: "input",
    forms.Textarea: "textarea",
    forms.Select: "select",
    forms.CheckboxInput: "checkbox checkbox-sm mt-0.5",
}


class ConsoleForm(forms.Form):
    """A form whose fields wear the console's classes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: Django's own signature
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            css = CSS.get(type(field.widget))
            if css:
                given = field.widget.attrs.get("class", "")
                field.widget.attrs["class"] = f"{css} {given}".strip()


def mono(**attrs: str) -> dict[str, str]:
    return {"class": "font-mono", "autocomplete": "off", "spellcheck": "false", "autocapitalize": "off", **attrs}


class SignInForm(ConsoleForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: Django's own signature
        super().__init__(*args, **kwargs)
        first = "name" if self.initial.get("account") else "account"
        self.fields[first].widget.attrs["autofocus"] = True

    account = forms.CharField(
        label=_("Account"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "organization", "autocapitalize": "off"}),
    )
    name = forms.CharField(
        label=_("User"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "off"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=account_limits.PASSWORD_CHARS,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class InstanceForm(ConsoleForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=limits.INSTANCE_NAME_CHARS,
        widget=forms.TextInput(attrs=mono()),
        help_text=_("Lower-case letters, digits and inner hyphens. It is part of every address and cannot be changed."),
    )
    remark = forms.CharField(label=_("Remark"), max_length=limits.REMARK_CHARS, required=False)


TOPIC_TYPES = [
    (Topic.Type.NORMAL, _("Normal"), _("Messages spread over queues; no order across them.")),
    (Topic.Type.FIFO, _("Ordered (FIFO)"), _("Messages with the same sharding key stay in order.")),
    (Topic.Type.DELAY, _("Delayed"), _("Messages may ask to be delivered later.")),
    (Topic.Type.TRANSACTION, _("Transactional"), _("Messages become visible when their producer commits.")),
]


class TopicForm(ConsoleForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=limits.TOPIC_NAME_CHARS,
        widget=forms.TextInput(attrs=mono(placeholder="orders")),
        help_text=_("Letters, digits, '_', '-', '%' and '|'. It cannot be changed later."),
    )
    type = forms.ChoiceField(
        label=_("Type"),
        choices=[(value, label) for value, label, _help in TOPIC_TYPES],
        initial=Topic.Type.NORMAL,
        widget=forms.RadioSelect,
    )
    queues = forms.IntegerField(
        label=_("Number of queues"),
        min_value=1,
        max_value=limits.QUEUE_COUNT_MAX,
        initial=limits.QUEUE_COUNT_DEFAULT,
        help_text=_("How many consumers can work side by side in order. You can add queues later, not remove them."),
    )
    remark = forms.CharField(
        label=_("Remark"),
        max_length=limits.REMARK_CHARS,
        required=False,
        help_text=_("What is in here, and whom to ask."),
    )


class TopicEditForm(ConsoleForm):
    queues = forms.IntegerField(
        label=_("Number of queues"),
        min_value=1,
        max_value=limits.QUEUE_COUNT_MAX,
        help_text=_("More queues can be added; existing ones stay."),
    )
    remark = forms.CharField(label=_("Remark"), max_length=limits.REMARK_CHARS, required=False)


class GroupEditForm(ConsoleForm):
    max_attempts = forms.IntegerField(
        label=_("Attempts"),
        min_value=1,
        max_value=limits.MAX_ATTEMPTS,
        initial=limits.DEFAULT_MAX_ATTEMPTS,
        help_text=_("A message that fails this often becomes a dead letter."),
    )
    invisible_seconds = forms.IntegerField(
        label=_("Invisible time (seconds)"),
        min_value=limits.INVISIBLE_MIN_SECONDS,
        max_value=limits.INVISIBLE_MAX_SECONDS,
        initial=limits.DEFAULT_INVISIBLE_SECONDS,
        help_text=_("How long a consumer may work before the message comes again."),
    )
    backoff = forms.CharField(
        label=_("Back-off (seconds)"),
        required=False,
        widget=forms.TextInput(attrs=mono(placeholder="10, 30, 60, 120")),
        help_text=_("Waits before attempt 2, 3, …; the last one repeats. Empty: 10 s growing to 2 h."),
    )
    remoting_mode = forms.ChoiceField(
        label=_("RocketMQ clients"),
        required=False,
        initial=Group.RemotingMode.PULL,
        choices=[
            (Group.RemotingMode.PULL, _("share out the queues (pull)")),
            (Group.RemotingMode.POP, _("lease single messages (POP)")),
        ],
        help_text=_("POP is for clients with clientRebalance off; others are refused then. It can be changed later."),
    )
    remark = forms.CharField(
        label=_("Remark"), max_length=limits.REMARK_CHARS, required=False, help_text=_("What it does, and whom to ask.")
    )

    def clean_backoff(self) -> list[int]:
        """Reads `10, 30, 60` into whole seconds."""
        words = self.cleaned_data["backoff"].replace(",", " ").replace("，", " ").split()
        if len(words) > limits.BACKOFF_STEP_COUNT:
            raise forms.ValidationError(_("At most %(n)d steps."), params={"n": limits.BACKOFF_STEP_COUNT})
        if not all(word.isascii() and word.isdigit() and int(word) <= limits.BACKOFF_MAX_SECONDS for word in words):
            raise forms.ValidationError(
                _("Whole numbers of seconds from 0 to %(n)d, separated by commas."),
                params={"n": limits.BACKOFF_MAX_SECONDS},
            )
        return [int(word) for word in words]


class GroupForm(GroupEditForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=limits.GROUP_NAME_CHARS,
        widget=forms.TextInput(attrs=mono(placeholder="payment-worker")),
        help_text=_("Letters, digits, '_', '-', '%' and '|'. It cannot be changed later."),
    )
    order = forms.ChoiceField(
        label=_("Order"),
        initial=Group.Order.CONCURRENT,
        widget=forms.RadioSelect,
        choices=[(Group.Order.CONCURRENT, _("Concurrent")), (Group.Order.FIFO, _("Ordered (FIFO)"))],
    )
    start_from = forms.ChoiceField(
        label=_("Start from"),
        initial=Group.StartFrom.EARLIEST,
        choices=[
            (Group.StartFrom.EARLIEST, _("The earliest message kept")),
            (Group.StartFrom.LATEST, _("Only messages sent from now on")),
        ],
        help_text=_("Where the group begins in a topic it has never received from."),
    )
    field_order = tuple("name order max_attempts invisible_seconds backoff start_from remoting_mode remark".split())


class SendForm(ConsoleForm):
    topic = forms.CharField(label=_("Topic"), widget=forms.TextInput(attrs=mono(list="topic-names")))
    body = forms.CharField(label=_("Body"), required=False, strip=False, widget=forms.Textarea(attrs=mono(rows="8")))
    tag = forms.CharField(
        label=_("Tag"),
        max_length=limits.TAG_CHARS,
        required=False,
        widget=forms.TextInput(attrs=mono(placeholder="created")),
    )
    keys = forms.CharField(
        label=_("Keys"),
        required=False,
        widget=forms.TextInput(attrs=mono(placeholder="order-1001")),
        help_text=_("Separated by blanks. Messages are found by them."),
    )
    properties = forms.CharField(
        label=_("Properties"),
        required=False,
        widget=forms.Textarea(attrs=mono(rows="3", placeholder="region=eu\nversion=2")),
        help_text=_("One a line: name=value."),
    )
    sharding_key = forms.CharField(
        label=_("Sharding key"),
        max_length=limits.SHARDING_KEY_CHARS,
        required=False,
        widget=forms.TextInput(attrs=mono()),
        help_text=_("Messages with the same one go to the same queue. Ordered topics need it."),
    )
    delay_seconds = forms.FloatField(
        label=_("Delay (seconds)"),
        min_value=0,
        max_value=limits.DELAY_MAX_SECONDS,
        required=False,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text=_("For topics of type Delayed: visible after this long, never earlier."),
    )

    def clean_keys(self) -> tuple[str, ...]:
        """Reads blank-separated keys."""
        return tuple(self.cleaned_data["keys"].split())

    def clean_properties(self) -> dict[str, str]:
        """Reads `name=value` lines."""
        read: dict[str, str] = {}
        for number, line in enumerate(self.cleaned_data["properties"].splitlines(), start=1):
            if not line.strip():
                continue
            name, equals, value = line.partition("=")
            if not equals or not name.strip():
                raise forms.ValidationError(_("Line %(n)d is not of the form name=value."), params={"n": number})
            read[name.strip()] = value.strip()
        return read


class LocalTimeField(forms.DateTimeField):
    """A date and time typed in the reader's zone; the value is aware."""

    def __init__(self, **kwargs: Any) -> None:  # Any: Django's own signature
        super().__init__(
            required=False,
            input_formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"],
            widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"),
            **kwargs,
        )


class SearchForm(ConsoleForm):
    topic = forms.CharField(label=_("Topic"), required=False, widget=forms.TextInput(attrs=mono(list="topic-names")))
    key = forms.CharField(
        label=_("Key"), required=False, max_length=limits.KEY_CHARS, widget=forms.TextInput(attrs=mono())
    )
    message_id = forms.CharField(
        label=_("Message id"), required=False, max_length=limits.MESSAGE_ID_CHARS, widget=forms.TextInput(attrs=mono())
    )
    tag = forms.CharField(
        label=_("Tag"), required=False, max_length=limits.TAG_CHARS, widget=forms.TextInput(attrs=mono())
    )
    body = forms.CharField(
        label=_("Body contains"), required=False, max_length=200, widget=forms.TextInput(attrs=mono())
    )
    start = LocalTimeField(label=_("From"))
    end = LocalTimeField(label=_("To"))

    def clean(self) -> dict[str, Any]:  # Any: Django's own signature
        read = super().clean() or {}
        start, end = read.get("start"), read.get("end")
        if start and end and start >= end:
            self.add_error("end", _("The end must be after the start."))
        return read

    def has_query(self) -> bool:
        """Returns True if anything at all was asked for."""
        return any(self.cleaned_data.get(name) for name in self.fields)


class DeadLetterFilterForm(ConsoleForm):
    state = forms.ChoiceField(
        label=_("State"), required=False, choices=[("", _("All")), ("DEAD", _("Dead")), ("REPLAYED", _("Replayed"))]
    )
    topic = forms.CharField(label=_("Topic"), required=False, widget=forms.TextInput(attrs=mono()))
    tag = forms.CharField(
        label=_("Tag"), required=False, max_length=limits.TAG_CHARS, widget=forms.TextInput(attrs=mono())
    )
    key = forms.CharField(
        label=_("Key"), required=False, max_length=limits.KEY_CHARS, widget=forms.TextInput(attrs=mono())
    )
    error = forms.CharField(label=_("Error contains"), required=False, max_length=200)
    failure = forms.CharField(required=False, max_length=limits.ERROR_TEXT_CHARS, widget=forms.HiddenInput)
    message_id = forms.CharField(
        label=_("Message id"), required=False, max_length=limits.MESSAGE_ID_CHARS, widget=forms.TextInput(attrs=mono())
    )
    start = LocalTimeField(label=_("Died from"))
    end = LocalTimeField(label=_("Died before"))


class RedriveForm(ConsoleForm):
    destination = forms.ChoiceField(
        label=_("Destination"),
        initial="origin",
        widget=forms.RadioSelect,
        choices=[("origin", _("This group again")), ("topic", _("A topic, for every group"))],
    )
    topic = forms.CharField(
        label=_("Destination topic"), required=False, widget=forms.TextInput(attrs=mono(list="topic-names"))
    )
    rate = forms.IntegerField(
        label=_("At most a second"),
        required=False,
        min_value=1,
        max_value=limits.REDRIVE_RATE_MAX_PER_SECOND,
        help_text=_("Empty: as fast as possible. Start low if consumers are fragile."),
    )

    def clean(self) -> dict[str, Any]:  # Any: Django's own signature
        read = super().clean() or {}
        if read.get("destination") == "topic" and not read.get("topic"):
            self.add_error("topic", _("Name the topic to send to."))
        return read

    def target(self) -> str:
        """Returns the destination as the engine spells it."""
        read = self.cleaned_data
        return f"topic:{read['topic']}" if read["destination"] == "topic" else "origin"


class ResetForm(ConsoleForm):
    topic = forms.ChoiceField(label=_("Topic"))
    to = forms.ChoiceField(
        label=_("Move to"),
        initial="latest",
        choices=[
            ("latest", _("The end: skip everything waiting")),
            ("earliest", _("The beginning: receive everything again")),
            ("time", _("A point in time")),
            ("offset", _("An offset, in every queue")),
        ],
    )
    time = LocalTimeField(label=_("Time"))
    offset = forms.IntegerField(label=_("Offset"), required=False, min_value=0, max_value=limits.INT64_MAX)

    def __init__(self, *args: Any, topics: list[str], **kwargs: Any) -> None:  # Any: Django's own signature
        super().__init__(*args, **kwargs)
        field = self.fields["topic"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(name, name) for name in topics]

    def clean(self) -> dict[str, Any]:  # Any: Django's own signature
        read = super().clean() or {}
        if read.get("to") == "time" and read.get("time") is None and "time" not in self.errors:
            self.add_error("time", _("Give the time to move to."))
        if read.get("to") == "offset" and read.get("offset") is None and "offset" not in self.errors:
            self.add_error("offset", _("Give the offset to move to."))
        return read

    def target(self) -> int | datetime | None:
        """Returns the time or offset that goes with `to`."""
        value: int | datetime | None = self.cleaned_data.get(self.cleaned_data["to"])
        return value


class KeyForm(ConsoleForm):
    remark = forms.CharField(
        label=_("Remark"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": _("payment worker, production")}),
    )
