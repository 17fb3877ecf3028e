"""Proving once more who one is, before changing how one proves it.

Owns: the page that asks, and the decorator of views that need a recent proof. Called by: security, keys.
"""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode, urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import people, second_factors, sessions
from accounts.errors import TryLater, Unauthenticated
from accounts.models import SecondFactor, User

from . import entrance, page, signin
from .security_forms import CodeForm, ConfirmForm

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def recently(view: View[P]) -> View[P]:
    """Makes a view that asks its reader to prove who they are, unless they did so within five minutes."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        return view(request, *args, **kwargs) if sessions.is_fresh(request.session) else ask(request)

    return wrapped


def ask(request: HttpRequest) -> HttpResponse:
    """Leads to the page that asks. What was posted is lost: the reader comes back to the page it was posted from."""
    back = request.get_full_path()
    if request.method == "POST":
        referer = urlsplit(request.headers.get("Referer", ""))
        back = referer.path if entrance.is_ours(request, referer.geturl()) and referer.path else reverse("security")
        messages.info(request, _("Nothing was changed yet: prove that it is you, then do it once more."))
    return HttpResponseRedirect(f"{reverse('confirm')}?{urlencode({'next': back})}")


@sensitive_post_parameters("password", "code")
@never_cache
@page.page
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Asks for the password or a second factor of whoever is signed in."""
    user = page.oneself(request)
    target = entrance.target(request, reverse("security"))
    error = ""
    if request.method == "POST":
        try:
            by_factor = _prove(request, user)
        except Unauthenticated:
            error = _("This is wrong, or was used already.")
        except TryLater as later:
            error = signin.wait_words(later)
        else:
            request.session.cycle_key()
            sessions.confirm(request.session, has_second_factor=by_factor)
            return HttpResponseRedirect(target)
    host = entrance.site(request)["host"]
    has_passkey = user.second_factors.filter(kind=SecondFactor.Kind.PASSKEY, host=host).exists()
    context = {
        "password_form": ConfirmForm() if user.has_usable_password() else None,
        "code_form": CodeForm() if second_factors.has_any(user) else None,
        "options": signin.ask_passkey(request, user) if has_passkey else None,
        "next": target,
        "error": error,
    }
    home = page.default_instance(request)
    return page.render(request, "pages/confirm.html", context, section="security", instance=home)


def _prove(request: HttpRequest, user: User) -> bool:
    """Returns True if it was a second factor that proved it. Raises Unauthenticated, TryLater."""
    source_ip = entrance.address(request)
    if request.POST.get("answer"):
        signin.recognise_passkey(request, user)
        return True
    if request.POST.get("code"):
        second_factors.check(user, request.POST["code"], source_ip=source_ip)
        return True
    people.confirm(user, request.POST.get("password", ""), source_ip=source_ip)
    return False
