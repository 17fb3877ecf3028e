"""The forms about proving who one is: they read what was typed. Rules stay in `accounts`."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import limits

from .forms import ConsoleForm, mono


class CodeForm(ConsoleForm):
    code = forms.CharField(
        label=_("Code"),
        max_length=limits.CODE_CHARS,
        widget=forms.TextInput(attrs=mono(autocomplete="one-time-code", autofocus="true")),
        help_text=_("Six digits from your app, or one of your recovery codes."),
    )


class ConfirmForm(ConsoleForm):
    password = forms.CharField(
        label=_("Password"),
        max_length=limits.PASSWORD_CHARS,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": "true"}),
    )


class OwnPasswordForm(ConsoleForm):
    current = forms.CharField(
        label=_("Current password"),
        max_length=limits.PASSWORD_CHARS,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    password = forms.CharField(
        label=_("New password"),
        max_length=limits.PASSWORD_CHARS,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 12 characters. A few words that do not belong together are good."),
    )


class FirstPasswordForm(ConsoleForm):
    password = forms.CharField(
        label=_("Password"),
        max_length=limits.PASSWORD_CHARS,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "autofocus": "true"}),
        help_text=_("At least 12 characters. A few words that do not belong together are good."),
    )
