"""Signing in and out: the password, and what follows it. Who may come in is judged by `accounts`."""

import json

from django.conf import settings
from django.contrib.auth import logout
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import openid, passkeys, people, second_factors
from accounts.errors import AccountError, TryLater, Unauthenticated
from accounts.models import AuditEntry, SecondFactor, User

from . import entrance, factors, page, problems
from .forms import SignInForm
from .security_forms import CodeForm

_QUESTION = "mq_passkey_question"


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest, account: str = "") -> HttpResponse:
    """Shows the form and judges it. With `account` in the address, nobody has to type it."""
    target = entrance.target(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(target)
    form = SignInForm(request.POST or None, initial={"account": account} if account else _initial(request))
    if request.method == "POST" and form.is_valid():
        read = form.cleaned_data
        try:
            user = people.sign_in(read["account"], read["name"], read["password"], source_ip=entrance.address(request))
        except Unauthenticated:
            form.add_error(None, _("The account, the user or the password is wrong."))
        except TryLater as error:
            form.add_error(None, wait_words(error))
        else:
            return entrance.proceed(request, user, target, by="password")
    context = {
        "form": form,
        "account": account,
        "next": target,
        "provider": openid.provider_of(str(form["account"].value() or "")),
        "offers_passkeys": passkeys.can_be_used(entrance.site(request)["host"]),
        "is_first_use": not AuditEntry.objects.filter(action="ram:SignIn", outcome="ok").exists(),
        "credentials_path": str(settings.DATA_DIR / "credentials.json"),
    }
    return page.render(request, "pages/signin.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def passkey(request: HttpRequest) -> HttpResponse:
    """Signs in with a passkey alone: it says itself whose it is."""
    target = entrance.target(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(target)
    error = ""
    if request.method == "POST":
        try:
            user = recognise_passkey(request, None)
        except Unauthenticated as refused:
            error = problems.detail(refused)
        else:
            return entrance.enter(request, user, target, by="passkey", second_factor=True)
    context = {"options": ask_passkey(request, None), "next": target, "error": error}
    request.session.set_expiry(600)
    return page.render(request, "pages/passkey_signin.html", context)


@sensitive_post_parameters("code")
@never_cache
@require_http_methods(["GET", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    """Asks whoever gave the right password for their second factor."""
    found = entrance.half(request)
    if found is None:
        return HttpResponseRedirect(reverse("signin"))
    user, note = found
    form = CodeForm(request.POST if request.POST.get("code") else None)
    error = ""
    if request.method == "POST" and (request.POST.get("answer") or form.is_valid()):
        try:
            if request.POST.get("answer"):
                recognise_passkey(request, user)
            else:
                second_factors.check(user, form.cleaned_data["code"], source_ip=entrance.address(request))
        except Unauthenticated:
            error = _("This is wrong, or was used already.")
        except TryLater as later:
            error = wait_words(later)
        else:
            return entrance.enter(request, user, note["target"], by=note["by"], second_factor=True)
    host = entrance.site(request)["host"]
    has_passkey = user.second_factors.filter(kind=SecondFactor.Kind.PASSKEY, host=host).exists()
    context = {
        "form": form,
        "person": user,
        "error": error,
        "options": ask_passkey(request, user) if has_passkey else None,
    }
    return page.render(request, "pages/second_step.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """Sets up a first authenticator app or passkey for somebody whose account wants a second factor."""
    found = entrance.half(request)
    if found is None or second_factors.has_any(found[0]):
        return HttpResponseRedirect(reverse("signin"))
    user, note = found
    site = entrance.site(request)
    error = ""
    if request.method == "POST":
        try:
            made = factors.add(request, user)
        except AccountError as refused:
            error = problems.detail(refused)
        else:
            entrance.begin(request, user, by=note["by"], second_factor=True)
            return factors.show_codes(request, user, made=made, target=note["target"])
    context = {
        "person": user,
        "error": error,
        "app": factors.ask_app(request, user),
        "options": factors.ask_passkey(request, user) if passkeys.can_be_used(site["host"]) else None,
    }
    return page.render(request, "pages/enrol.html", context)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponseRedirect(settings.LOGIN_URL)


def wait_words(error: TryLater) -> str:
    """Returns what to say to somebody who has to wait before the next attempt."""
    seconds = error.extra.get("retry_after_seconds")
    if seconds:
        return _("Too many attempts. Please try again in %(n)d s.") % {"n": seconds}
    return _("Signing in does not work just now. Please try again soon.")


def ask_passkey(request: HttpRequest, user: User | None) -> str:
    """Returns what the browser is asked to show a passkey with, as JSON."""
    options, request.session[_QUESTION] = passkeys.ask_to_show(user, **entrance.site(request))
    return json.dumps(options)


def recognise_passkey(request: HttpRequest, user: User | None) -> User:
    """Returns whose passkey answered. Effects: the question is used up."""
    state = request.session.pop(_QUESTION, None)
    if state is None:
        raise Unauthenticated(_("The page was open too long. Please try again."))
    return passkeys.recognise(
        request.POST.get("answer", ""),
        state=state,
        source_ip=entrance.address(request),
        user=user,
        **entrance.site(request),
    )


def _initial(request: HttpRequest) -> dict[str, str]:
    """Fills in who signed in here last, or the account when the server has only one."""
    from accounts.models import Account

    try:
        return {"account": Account.objects.get().name}
    except (Account.MultipleObjectsReturned, ObjectDoesNotExist):
        return {}
