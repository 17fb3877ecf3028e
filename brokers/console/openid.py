"""Signing in through the account's OpenID provider: off to it, and back."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts import limits, openid
from accounts.errors import AccountError, TryLater

from . import entrance, page, problems

_NOTE = "mq_openid"


@never_cache
@require_GET
def leave(request: HttpRequest, account: str) -> HttpResponse:
    """Sends the browser to the provider."""
    provider = openid.provider_of(account)
    if provider is None:
        return page.not_found(request, LookupError(account))
    target = entrance.target(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(target)
    back = request.build_absolute_uri(reverse("openid_back", args=[account]))
    try:
        address, note = openid.begin(provider, redirect_uri=back)
    except TryLater as error:
        return _failed(request, account, error)
    request.session[_NOTE] = {**note, "account": account, "target": target}
    request.session.set_expiry(limits.HALF_SIGNED_IN_SECONDS)
    return HttpResponseRedirect(address)


@never_cache
@require_GET
def come_back(request: HttpRequest, account: str) -> HttpResponse:
    """Judges what the provider sent the browser back with."""
    provider = openid.provider_of(account)
    note = request.session.pop(_NOTE, None)  # one answer only
    if provider is None or note is None or note["account"] != account:
        messages.error(request, _("The page was open too long. Please try again."))
        return HttpResponseRedirect(reverse("signin_account", args=[account]))
    try:
        proof = openid.finish(
            account, provider, note=note, answer=request.GET.dict(), source_ip=entrance.address(request)
        )
    except AccountError as error:
        return _failed(request, account, error)
    return entrance.proceed(request, proof.user, note["target"], by="openid", second_factor=proof.second_factor)


def _failed(request: HttpRequest, account: str, error: AccountError) -> HttpResponse:
    messages.error(request, _("You are not signed in: %(reason)s") % {"reason": problems.detail(error)})
    return HttpResponseRedirect(reverse("signin_account", args=[account]))
