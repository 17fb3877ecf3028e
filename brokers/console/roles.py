"""Roles: list, one role with its policies, who it trusts and who acts in it; taking one on and giving it back."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import clock, limits, roles
from accounts.errors import AccountError, Rejected

from . import page, problems, tags, users
from .forms import ConsoleForm, mono

_MINUTES = (15, 30, 60, 120, 240, 480, 720)


class RoleForm(ConsoleForm):
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=64, widget=forms.TextInput(attrs=mono(placeholder="support"))
    )
    minutes = forms.TypedChoiceField(
        label=gettext_lazy("For at most"), coerce=int, initial=60, choices=[(n, "") for n in _MINUTES]
    )
    remark = forms.CharField(label=gettext_lazy("Remark"), max_length=limits.REMARK_CHARS, required=False)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["minutes"].choices = _spans(limits.ROLE_MAX_SECONDS)  # type: ignore[attr-defined] # a choice field


@page.page
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """Lists the roles. A post makes one."""
    actor = page.actor(request)
    form = RoleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        read = form.cleaned_data
        try:
            made = roles.create(actor, read["name"], max_seconds=60 * read["minutes"], remark=read["remark"])
        except Rejected as error:
            form.add_error("name" if error.code in {"INVALID_NAME", "ALREADY_EXISTS"} else None, problems.detail(error))
        else:
            return HttpResponseRedirect(_to(made.name))
    context = {"rows": roles.roles(actor), "form": form}
    return page.render(request, "pages/roles.html", context, section="roles", instance=page.default_instance(request))


@page.page
@require_GET
def show(request: HttpRequest, name: str) -> HttpResponse:
    actor = page.actor(request)
    found = roles.role(actor, name)
    held = roles.of_role(found)
    now = clock.now()
    context = {
        "role": found,
        "example": f"sue@{found.account.name}",
        "held": held,
        "offered": users.offered(request, {policy.policy for policy in held}),
        "trusts": list(found.trusts.order_by("login")),
        "sessions": [
            {"row": row, "is_over": row.revoked_at is not None or row.ends_at <= now}
            for row in roles.sessions(actor, name)
        ],
    }
    return page.render(request, "pages/role.html", context, section="roles", instance=page.default_instance(request))


@page.page
@require_POST
def delete(request: HttpRequest, name: str) -> HttpResponse:
    if not page.is_confirmed(request, name):
        return HttpResponseRedirect(_to(name))
    actor = page.actor(request)
    said = _("The role %(name)s is deleted.") % {"name": name}
    return users.change(request, lambda: roles.delete(actor, name), said, to=reverse("roles"))


@page.page
@require_POST
def trust(request: HttpRequest, name: str) -> HttpResponse:
    actor, login = page.actor(request), request.POST.get("login", "")
    said = _("%(login)s may take the role on.") % {"login": login}
    return users.change(request, lambda: roles.trust(actor, name, login), said, to=_to(name))


@page.page
@require_POST
def distrust(request: HttpRequest, name: str) -> HttpResponse:
    actor, login = page.actor(request), request.POST.get("login", "")
    said = _("%(login)s may take the role on no more.") % {"login": login}
    return users.change(request, lambda: roles.distrust(actor, name, login), said, to=_to(name))


@page.page
@require_POST
def attach(request: HttpRequest, name: str) -> HttpResponse:
    return users.attach_to(request, to=_to(name), role=name)


@page.page
@require_POST
def detach(request: HttpRequest, name: str) -> HttpResponse:
    return users.detach_from(request, to=_to(name), role=name)


@page.page
@require_POST
def revoke(request: HttpRequest, name: str, number: int) -> HttpResponse:
    actor = page.actor(request)
    said = _("It is over; within two seconds nothing is left of it.")
    return users.change(request, lambda: roles.revoke(actor, name, number), said, to=_to(name))


@page.page
@require_http_methods(["GET", "POST"])
def assume(request: HttpRequest) -> HttpResponse:
    """Shows the roles the reader may take on. A post takes one on."""
    user = page.oneself(request)
    offers = roles.offers(user)
    if request.method == "POST":
        minutes = request.POST.get("minutes", "")
        try:
            made, _secret = roles.assume(
                user,
                request.POST.get("account", ""),
                request.POST.get("role", ""),
                seconds=60 * int(minutes) if minutes.isascii() and minutes.isdigit() and len(minutes) < 6 else 0,
                reason=request.POST.get("reason", ""),
                source_ip=page.actor(request).source_ip,
                with_key=False,
            )
        except AccountError as error:
            page.report(request, page.translated(error))
        else:
            roles.take_on(request.session, made.pk)
            return HttpResponseRedirect(reverse("overview"))
    context = {"offers": [{"role": one, "spans": _spans(one.max_seconds)} for one in offers]}
    home = page.default_instance(request)
    return page.render(request, "pages/assume.html", context, section="assume", instance=home)


@page.page
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    found = page.acting(request)
    if found is not None:
        roles.leave(found.session_id, page.reader(request), source_ip=page.actor(request).source_ip)
    roles.take_on(request.session, None)
    messages.success(request, _("You act as yourself again."))
    return HttpResponseRedirect(reverse("overview"))


def _spans(most_seconds: int) -> list[tuple[int, str]]:
    """Returns the times a role may be taken on for, in minutes, with their names."""
    found = [minutes for minutes in _MINUTES if 60 * minutes <= most_seconds] or [most_seconds // 60]
    return [(minutes, tags.duration(60 * minutes)) for minutes in found]


def _to(name: str) -> str:
    return reverse("role", args=[name])
