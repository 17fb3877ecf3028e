"""Users of the account: list, one user with what they hold, and every change of one."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import clock, grants, invitations, keys, members, second_factors
from accounts.errors import Rejected
from accounts.limits import INVITATION_HOURS, KEYS_PER_USER
from accounts.models import User
from accounts.policies import system
from brokers.catalog import access

from . import page, problems
from .agents import describe
from .keys import OVERLAPS, fresh, overlap_of
from .people_forms import PasswordForm, UserForm


@sensitive_post_parameters("password")
@page.page
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """Lists the users. A post makes one."""
    actor = page.actor(request)
    form = UserForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = members.create_user(actor, form.cleaned_data["name"], password=form.cleaned_data["password"] or None)
        except Rejected as error:
            form.add_error("name" if error.code in {"INVALID_NAME", "ALREADY_EXISTS"} else None, problems.detail(error))
        else:
            if "invite" in request.POST:
                return invite(request, made.name)
            messages.success(
                request,
                _("The user %(name)s is made; it may do nothing yet.") % {"name": made.name},
            )
            return HttpResponseRedirect(reverse("user", args=[made.name]))
    role = page.acting(request)
    account = role.account if role else page.reader(request).account.name
    context = {
        "rows": members.users(actor),
        "form": form,
        "signin_url": request.build_absolute_uri(reverse("signin_account", args=[account])),
    }
    return page.render(request, "pages/users.html", context, section="users", instance=page.default_instance(request))


@page.page
@require_GET
def show(request: HttpRequest, name: str) -> HttpResponse:
    return _show(request, members.user(page.actor(request), name), made=None)


@page.page
@require_POST
def active(request: HttpRequest, name: str) -> HttpResponse:
    """Switches a user on or off, as the posted `active` says."""
    wanted = request.POST.get("active") == "1"
    said = _("The user may sign in again.") if wanted else _("The user is off: sign-in and keys are refused.")
    return change(request, lambda: members.set_active(page.actor(request), name, wanted), said, to=_to(name))


@sensitive_post_parameters("password")
@page.page
@require_POST
def password(request: HttpRequest, name: str) -> HttpResponse:
    new = request.POST.get("password", "")
    return change(
        request,
        lambda: members.set_password(page.actor(request), name, new),
        _("The password is changed."),
        to=_to(name),
    )


@page.page
@require_POST
def invite(request: HttpRequest, name: str) -> HttpResponse:
    """Makes an invitation and shows its link in this one answer."""
    actor = page.actor(request)
    members.user(actor, name)  # who may not see the answer changes nothing
    try:
        _made, token = members.invite(actor, name)
    except Rejected as error:
        messages.error(request, problems.detail(error))
        return HttpResponseRedirect(_to(name))
    link = request.build_absolute_uri(reverse("invitation_link", args=[token]))
    return _show(request, members.user(actor, name), made=None, link=link)


@page.page
@require_POST
def revoke_invitation(request: HttpRequest, name: str) -> HttpResponse:
    said = _("The invitation is taken back.")
    return change(request, lambda: members.revoke_invitation(page.actor(request), name), said, to=_to(name))


@page.page
@require_POST
def end_sessions(request: HttpRequest, name: str) -> HttpResponse:
    """Signs the user out everywhere."""
    return change(
        request,
        lambda: members.end_sessions(page.actor(request), name),
        _("The user is signed out everywhere."),
        to=_to(name),
    )


@page.page
@require_POST
def remove_factors(request: HttpRequest, name: str) -> HttpResponse:
    """Takes the user's second factors away: for somebody who lost them."""
    return change(
        request,
        lambda: members.remove_second_factors(page.actor(request), name),
        _("The second factors are removed; the user signs in with the password and can set up new ones."),
        to=_to(name),
    )


@page.page
@require_POST
def delete(request: HttpRequest, name: str) -> HttpResponse:
    if not page.is_confirmed(request, name):
        return HttpResponseRedirect(_to(name))
    said = _("The user %(name)s is deleted.") % {"name": name}
    return change(request, lambda: members.delete_user(page.actor(request), name), said, to=reverse("users"))


@sensitive_variables("secret")
@page.page
@require_POST
def create_key(request: HttpRequest, name: str) -> HttpResponse:
    """Makes a key and shows its secret in this one answer."""
    actor = page.actor(request)
    members.user(actor, name)  # who may not see the answer changes nothing
    try:
        key, secret = members.create_key(actor, name)
    except Rejected as error:
        messages.error(request, problems.detail(error))
        return HttpResponseRedirect(_to(name))
    return _show(request, members.user(actor, name), made=fresh(key.key_id, secret))


@sensitive_variables("secret")
@page.page
@require_POST
def rotate_key(request: HttpRequest, name: str, key_id: str) -> HttpResponse:
    """Makes a key that takes the place of another, and shows its secret in this one answer."""
    actor = page.actor(request)
    members.user(actor, name)  # as above
    try:
        key, secret = members.rotate_key(actor, name, key_id, overlap_seconds=overlap_of(request))
    except Rejected as error:
        messages.error(request, problems.detail(error))
        return HttpResponseRedirect(_to(name))
    return _show(request, members.user(actor, name), made=fresh(key.key_id, secret))


@page.page
@require_POST
def enable_key(request: HttpRequest, name: str, key_id: str) -> HttpResponse:
    enabled = request.POST.get("enabled") == "1"
    said = _("The key is enabled.") if enabled else _("The key is disabled; it is refused from now on.")
    actor = page.actor(request)
    return change(request, lambda: members.set_key_enabled(actor, name, key_id, enabled=enabled), said, to=_to(name))


@page.page
@require_POST
def delete_key(request: HttpRequest, name: str, key_id: str) -> HttpResponse:
    actor = page.actor(request)
    return change(request, lambda: members.delete_key(actor, name, key_id), _("The key is deleted."), to=_to(name))


@page.page
@require_POST
def attach(request: HttpRequest, name: str) -> HttpResponse:
    return attach_to(request, to=_to(name), user=name)


@page.page
@require_POST
def detach(request: HttpRequest, name: str) -> HttpResponse:
    return detach_from(request, to=_to(name), user=name)


def attach_to(request: HttpRequest, *, to: str, **holder: str) -> HttpResponse:
    """Attaches the policy the form names to a user, a user group or a role, and goes `to` its page."""
    actor, policy = page.actor(request), request.POST.get("policy", "")
    said = _("%(policy)s is attached.") % {"policy": policy}
    return change(request, lambda: grants.attach(actor, policy, **holder), said, to=to)


def detach_from(request: HttpRequest, *, to: str, **holder: str) -> HttpResponse:
    """Takes the policy the form names from a user, a user group or a role, and goes `to` its page."""
    actor, policy = page.actor(request), request.POST.get("policy", "")
    said = _("%(policy)s is detached.") % {"policy": policy}
    return change(request, lambda: grants.detach(actor, policy, **holder), said, to=to)


def change(request: HttpRequest, work: Callable[[], object], said: str, *, to: str) -> HttpResponse:
    """Does one change, says how it went on the next page, and goes there; a refusal is a page of its own."""
    try:
        work()
    except Rejected as error:
        messages.error(request, problems.detail(error))
    else:
        messages.success(request, said)
    return HttpResponseRedirect(to)


def _show(request: HttpRequest, found: User, *, made: dict[str, str] | None, link: str | None = None) -> HttpResponse:
    actor = page.actor(request)
    held = members.of_user(found)
    own = {policy.policy for policy in held if not policy.via}
    rows = keys.of_user(found)
    context = {
        "person": found,
        "held": held,
        "offered": offered(request, own),
        "groups": list(found.user_groups.order_by("name")),
        "keys": [(key, key.ends_at is not None and key.ends_at <= clock.now()) for key in rows],
        "fresh": made,
        "overlaps": OVERLAPS,
        "can_create_key": len(rows) < KEYS_PER_USER,
        "password_form": PasswordForm(),
        "is_self": found.pk == actor.user_id,
        "link": link,
        "link_hours": INVITATION_HOURS,
        "invitation": invitations.of_user(found),
        "factors": second_factors.of_user(found),
        "sessions": _sessions(request, found),
    }
    home = page.default_instance(request)
    response = page.render(request, "pages/user.html", context, section="users", instance=home)
    if made or link:
        response.headers["Cache-Control"] = "no-store"
    return response


def _sessions(request: HttpRequest, found: User) -> list[dict[str, object]] | None:
    """Returns where the user is signed in, None for a reader who may not see it."""
    actor = page.actor(request)
    if not access.may(actor, "ram:ListSessions", members.resource(actor.account_id, f"user/{found.name}")):
        return None
    return [{"row": row, "device": describe(row.agent)} for row in members.sessions_of(actor, found.name)]


def offered(request: HttpRequest, taken: set[str]) -> list[str]:
    """Returns the policies the reader may still attach: the system's, and the account's if they may be listed."""
    actor = page.actor(request)
    # Asked first: what a page leaves out is no attempt, and stands in no audit.
    may_list = access.may(actor, "ram:ListPolicies", members.resource(actor.account_id, "*"))
    written = [policy.name for policy in grants.policies(actor)] if may_list else []
    return [
        name
        for name in [*system.POLICIES, *written]
        if name not in taken
        and access.may(actor, "ram:AttachPolicy", members.resource(actor.account_id, f"policy/{name}"))
    ]


def _to(name: str) -> str:
    return reverse("user", args=[name])
