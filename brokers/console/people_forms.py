"""The forms about users, user groups and policies: they read what was typed. Rules stay in `accounts`."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import grants, limits
from accounts.policies import limits as policy_limits

from .forms import ConsoleForm, mono

RIGHTS = [
    ("PUB", _("PUB: send to it")),
    ("SUB", _("SUB: receive from it")),
    ("PUB|SUB", _("PUB and SUB")),
    ("DENY", _("DENY: neither, whatever else allows it")),
]
assert [right for right, _label in RIGHTS] == list(grants.QUICK)


class UserForm(ConsoleForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=limits.USER_NAME_CHARS,
        widget=forms.TextInput(attrs=mono()),
        help_text=_("Lower-case letters, digits, '_' and '-'. It cannot be changed."),
    )
    password = forms.CharField(
        label=_("Console password"),
        max_length=limits.PASSWORD_CHARS,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Leave it empty for a program that has access keys only."),
    )


class PasswordForm(ConsoleForm):
    password = forms.CharField(
        label=_("New console password"),
        max_length=limits.PASSWORD_CHARS,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class UserGroupForm(ConsoleForm):
    name = forms.CharField(label=_("Name"), max_length=limits.USER_NAME_CHARS, widget=forms.TextInput(attrs=mono()))
    remark = forms.CharField(label=_("Remark"), max_length=limits.REMARK_CHARS, required=False)


class PolicyForm(ConsoleForm):
    name = forms.CharField(label=_("Name"), max_length=limits.POLICY_NAME_CHARS, widget=forms.TextInput(attrs=mono()))
    remark = forms.CharField(label=_("Remark"), max_length=limits.REMARK_CHARS, required=False)
    document = forms.CharField(
        label=_("Policy (JSON)"),
        max_length=policy_limits.DOCUMENT_CHARS,
        widget=forms.Textarea(attrs=mono(rows="18")),
        help_text=_("What cannot be understood is refused, with the statement it is in."),
    )


class GrantForm(ConsoleForm):
    holder = forms.ChoiceField(label=_("To whom"))
    right = forms.ChoiceField(label=_("Right"), choices=RIGHTS)

    def offer(self, users: list[str], groups: list[str]) -> None:
        """Fills in who can be chosen: values are `user:<name>` and `group:<name>`."""
        self.fields["holder"] = forms.ChoiceField(
            label=_("To whom"),
            choices=[
                (_("Users"), [(f"user:{name}", name) for name in users]),
                (_("User groups"), [(f"group:{name}", name) for name in groups]),
            ],
            widget=forms.Select(attrs={"class": "select"}),
        )


class SimulatorForm(ConsoleForm):
    user = forms.ChoiceField(label=_("User"), widget=forms.Select(attrs={"class": "select"}))
    action = forms.CharField(label=_("Action"), max_length=128, widget=forms.TextInput(attrs=mono(list="actions")))
    resource = forms.CharField(
        label=_("Resource"),
        max_length=policy_limits.PATTERN_CHARS,
        widget=forms.TextInput(attrs=mono(placeholder="acs:mq:*:*:instance%topic")),
    )
    source_ip = forms.GenericIPAddressField(label=_("From this address"), initial="127.0.0.1")
    secure = forms.BooleanField(label=_("Over TLS"), required=False)
    mfa = forms.BooleanField(label=_("With a second factor"), required=False)

    def offer(self, users: list[str]) -> None:
        """Fills in who can be chosen."""
        self.fields["user"] = forms.ChoiceField(
            label=_("User"),
            choices=[(name, name) for name in users],
            widget=forms.Select(attrs={"class": "select"}),
        )
