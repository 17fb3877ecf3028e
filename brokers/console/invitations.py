"""What somebody sees who was invited: whose account it is, and a form for their password."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from accounts import invitations
from accounts.errors import NotFound, Rejected

from . import entrance, page, problems
from .security_forms import FirstPasswordForm

_INVITATION = "mq_invitation"
_READING_SECONDS = 1800


@never_cache
@require_GET
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Takes the secret out of the address: what follows is a page that may be reloaded, shown and copied."""
    request.session.flush()
    request.session[_INVITATION] = invitations.digest(token).hex()
    request.session.set_expiry(_READING_SECONDS)
    return HttpResponseRedirect(reverse("invitation"))


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def accept(request: HttpRequest) -> HttpResponse:
    """Asks for a password and gives it to the user who was invited."""
    named = bytes.fromhex(request.session.get(_INVITATION, ""))
    form = FirstPasswordForm(request.POST or None)
    try:
        user = invitations.find(named).user
        if request.method == "POST" and form.is_valid():
            invitations.accept(named, form.cleaned_data["password"], source_ip=entrance.address(request))
            request.session.flush()
            messages.success(request, _("Your password is set. Sign in with it."))
            return HttpResponseRedirect(reverse("signin_account", args=[user.account.name]))
    except NotFound:
        gone = _("This invitation was used already, is too old, or was taken back. Ask for a new one.")
        return page.render(request, "pages/invitation.html", {"error": gone}, status=404)
    except Rejected as error:
        form.add_error("password", problems.detail(error))
    return page.render(request, "pages/invitation.html", {"form": form, "person": user})
