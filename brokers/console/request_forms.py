"""The form that asks."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from brokers.domain import limits

from .forms import SendForm


class AskForm(SendForm):
    """A message, and how long and how many replies are waited for. A request is never delayed."""

    timeout_seconds = forms.FloatField(
        label=_("Wait for replies (seconds)"),
        min_value=0.1,
        max_value=limits.REQUEST_SECONDS,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )
    max_replies = forms.IntegerField(
        label=_("Replies wanted"),
        min_value=1,
        max_value=limits.REPLY_COUNT,
        help_text=_("Each group that reads the topic answers once."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: Django's own signature
        super().__init__(*args, **kwargs)
        del self.fields["delay_seconds"]
