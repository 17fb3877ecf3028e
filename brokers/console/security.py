"""How the reader proves who they are (password, second factors, recovery codes), and where they are signed in."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import members, passkeys, people, second_factors, sessions
from accounts.errors import AccountError, TryLater, Unauthenticated
from accounts.models import User

from . import confirm, entrance, factors, page, problems, signin
from .agents import describe
from .security_forms import OwnPasswordForm


@never_cache
@page.page
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    return _show(request, OwnPasswordForm())


@sensitive_post_parameters("current", "password")
@page.page
@require_POST
def password(request: HttpRequest) -> HttpResponse:
    """Changes the reader's own password, which ends their other sessions."""
    user = page.oneself(request)
    form = OwnPasswordForm(request.POST)
    if form.is_valid() and _change_password(request, user, form):
        messages.success(request, _("Your password is changed. You were signed out everywhere else."))
        return HttpResponseRedirect(reverse("security"))
    return _show(request, form)


@never_cache
@page.page
@require_http_methods(["GET", "POST"])
@confirm.recently
def app(request: HttpRequest) -> HttpResponse:
    """Sets up an authenticator app."""
    return _set_up(request, "pages/app_setup.html", {"app": factors.ask_app(request, page.oneself(request))})


@never_cache
@page.page
@require_http_methods(["GET", "POST"])
@confirm.recently
def passkey(request: HttpRequest) -> HttpResponse:
    """Makes a passkey on the reader's device."""
    can_be_used = passkeys.can_be_used(entrance.site(request)["host"])
    answered = _answered(request) if can_be_used and request.method == "POST" else None
    if isinstance(answered, HttpResponse):
        return answered
    context = {
        "options": factors.ask_passkey(request, page.oneself(request)) if can_be_used else None,
        "by_name": _by_name(request),
        "error": answered or "",
    }
    home = page.default_instance(request)
    return page.render(request, "pages/passkey_setup.html", context, section="security", instance=home)


@page.page
@require_POST
@confirm.recently
def remove(request: HttpRequest, number: int) -> HttpResponse:
    """Removes one of the reader's second factors."""
    actor = page.actor(request)
    try:
        second_factors.remove(page.oneself(request), number, actor=actor.signature, source_ip=actor.source_ip)
    except AccountError as error:
        messages.error(request, problems.detail(error))
    else:
        messages.success(request, _("The second factor is removed."))
    return HttpResponseRedirect(reverse("security"))


@page.page
@require_POST
@confirm.recently
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Makes new recovery codes, which take the place of the old ones."""
    return factors.show_codes(request, page.oneself(request), made=None, target=reverse("security"))


@page.page
@require_POST
@confirm.recently
def required(request: HttpRequest) -> HttpResponse:
    """Switches on or off that everybody in the account needs a second factor."""
    wanted = request.POST.get("required") == "1"
    actor = page.actor(request)
    if wanted and not actor.has_second_factor:
        messages.error(request, _("Sign in with a second factor yourself first; it would shut you out otherwise."))
        return HttpResponseRedirect(reverse("security"))
    members.require_second_factor(actor, wanted)
    messages.success(
        request,
        _("From now on everybody needs a second factor; who had none was signed out.")
        if wanted
        else _("A password is enough again for whoever has no second factor."),
    )
    return HttpResponseRedirect(reverse("security"))


@never_cache
@page.page
@require_GET
def own_sessions(request: HttpRequest) -> HttpResponse:
    """Lists where the reader is signed in."""
    mine = request.session.session_key
    rows = [
        {"row": row, "device": describe(row.agent), "is_this": sessions.is_of(row, mine)}
        for row in sessions.of_user(page.oneself(request))
    ]
    home = page.default_instance(request)
    return page.render(request, "pages/sessions.html", {"rows": rows}, section="sessions", instance=home)


@page.page
@require_POST
def end_session(request: HttpRequest, public_id: str) -> HttpResponse:
    """Signs the reader out somewhere."""
    actor = page.actor(request)
    try:
        sessions.end(page.oneself(request), public_id, actor=actor.signature, source_ip=actor.source_ip)
    except AccountError as error:
        messages.error(request, problems.detail(error))
    else:
        messages.success(request, _("The session is ended."))
    return HttpResponseRedirect(reverse("sessions"))


@page.page
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """Signs the reader out everywhere but here."""
    actor = page.actor(request)
    sessions.end_all(
        page.oneself(request), but=request.session.session_key, actor=actor.signature, source_ip=actor.source_ip
    )
    messages.success(request, _("You are signed out everywhere else."))
    return HttpResponseRedirect(reverse("sessions"))


def _show(request: HttpRequest, form: OwnPasswordForm) -> HttpResponse:
    user = page.oneself(request)
    context = {
        "form": form,
        "factors": second_factors.of_user(user),
        "has_app": second_factors.has_app(user),
        "codes_left": second_factors.recovery_codes_left(user),
        "host": entrance.site(request)["host"],
        "has_password": user.has_usable_password(),
        "may_require": members.may_require_second_factor(page.actor(request)),
    }
    home = page.default_instance(request)
    return page.render(request, "pages/security.html", context, section="security", instance=home)


def _set_up(request: HttpRequest, template: str, context: dict[str, object]) -> HttpResponse:
    answered = _answered(request) if request.method == "POST" else None
    if isinstance(answered, HttpResponse):
        return answered
    home = page.default_instance(request)
    return page.render(request, template, {**context, "error": answered or ""}, section="security", instance=home)


def _answered(request: HttpRequest) -> HttpResponse | str:
    """Returns the page after a factor was added, or why it was not."""
    user = page.oneself(request)
    is_first = not second_factors.has_any(user)
    try:
        made = factors.add(request, user)
    except AccountError as error:
        return problems.detail(error)
    # It was shown to us a moment ago.
    request.session.cycle_key()
    sessions.confirm(request.session, has_second_factor=True)
    if is_first:
        return factors.show_codes(request, user, made=made, target=reverse("security"))
    messages.success(request, _("The second factor is added."))
    return HttpResponseRedirect(reverse("security"))


def _change_password(request: HttpRequest, user: User, form: OwnPasswordForm) -> bool:
    source_ip = entrance.address(request)
    try:
        people.confirm(user, form.cleaned_data["current"], source_ip=source_ip)
    except Unauthenticated:
        form.add_error("current", _("This is not your password."))
        return False
    except TryLater as later:
        form.add_error(None, signin.wait_words(later))
        return False
    key = request.session.session_key
    try:
        people.set_password(
            user, form.cleaned_data["password"], keep_session=key, actor=user.login, source_ip=source_ip
        )
    except AccountError as error:
        form.add_error("password", problems.detail(error))
        return False
    update_session_auth_hash(request, user)
    sessions.confirm(request.session, has_second_factor=sessions.has_second_factor(request.session))
    return True


def _by_name(request: HttpRequest) -> str:
    """Returns the address under which passkeys could be made, for a page opened by number on its own machine."""
    return request.build_absolute_uri().replace("//127.0.0.1", "//localhost", 1)
