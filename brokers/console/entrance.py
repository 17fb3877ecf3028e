"""From the first proof of who somebody is to a session in the console.

Owns: the half-signed-in state between the password and the second factor, and the beginning of sessions.
Must not know: how a proof is judged. Called by: every page that signs somebody in.

Half signed in is nobody: the session holds a note whom a second factor would make of it, for ten minutes.
"""

from typing import Any

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.request import split_domain_port
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import clock, limits, people, second_factors, sessions
from accounts.models import User

from . import preferences

BACKEND = "django.contrib.auth.backends.ModelBackend"
_HALF = "mq_half_signed_in"


def proceed(request: HttpRequest, user: User, target: str, *, by: str, second_factor: bool = False) -> HttpResponse:
    """Lets somebody in who gave their first proof, or leads them to the second one."""
    if second_factor:
        return enter(request, user, target, by=by, second_factor=True)
    has_any = second_factors.has_any(user)
    if not has_any and not user.account.requires_second_factor:
        return enter(request, user, target, by=by, second_factor=False)
    request.session.flush()
    request.session[_HALF] = {
        "user": user.pk,
        "password": user.get_session_auth_hash(),
        "at": clock.now_seconds(),
        "target": target,
        "by": by,
    }
    request.session.set_expiry(limits.HALF_SIGNED_IN_SECONDS)
    return HttpResponseRedirect(reverse("signin_second" if has_any else "signin_enrol"))


def enter(request: HttpRequest, user: User, target: str, *, by: str, second_factor: bool) -> HttpResponse:
    """Begins the session, under a new key, and goes to `target`."""
    begin(request, user, by=by, second_factor=second_factor)
    response = HttpResponseRedirect(target)
    preferences.apply(response, user)
    return response


def begin(request: HttpRequest, user: User, *, by: str, second_factor: bool) -> None:
    """Begins the session, under a new key."""
    source_ip = address(request)
    login(request, user, backend=BACKEND)
    request.session.pop(_HALF, None)
    request.session.set_expiry(None)
    sessions.begin(
        request.session,
        source_ip=source_ip,
        agent=request.headers.get("User-Agent", ""),
        has_second_factor=second_factor,
    )
    people.entered(user, by=by, second_factor=second_factor, source_ip=source_ip)


def half(request: HttpRequest) -> tuple[User, dict[str, Any]] | None:  # Any: what `proceed` put there
    """Returns who gave a first proof in this session, and the note of it; None when nobody did, or too long ago."""
    note = request.session.get(_HALF)
    if note is None or not 0 <= clock.now_seconds() - note["at"] <= limits.HALF_SIGNED_IN_SECONDS:
        return None
    user = User.objects.select_related("account").filter(pk=note["user"], is_active=True).first()
    if user is None or not constant_time_compare(note["password"], user.get_session_auth_hash()):
        return None
    return user, note


def target(request: HttpRequest, default: str = "/") -> str:
    """Returns the page to go on to, as the request asks; only one of this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or default
    return wanted if is_ours(request, wanted) else default


def is_ours(request: HttpRequest, url: str) -> bool:
    """Returns True if the address leads to this site."""
    return url_has_allowed_host_and_scheme(url, allowed_hosts={request.get_host()}, require_https=request.is_secure())


def address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def site(request: HttpRequest) -> dict[str, str]:
    """Returns the origin of this page and its host name, as passkeys are bound to them."""
    host = request.get_host()
    return {"origin": f"{request.scheme}://{host}", "host": split_domain_port(host)[0]}
