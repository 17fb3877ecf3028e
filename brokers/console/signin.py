"""Signing in and out. Who may come in is judged by `accounts.people`; the session is made here."""

from django.conf import settings
from django.contrib.auth import login, logout
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import people
from accounts.errors import TryLater, Unauthenticated
from accounts.models import AuditEntry

from . import page, preferences
from .forms import SignInForm

BACKEND = "django.contrib.auth.backends.ModelBackend"


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest, account: str = "") -> HttpResponse:
    """Shows the form and judges it. With `account` in the address, nobody has to type it."""
    target = _target(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(target)
    form = SignInForm(request.POST or None, initial={"account": account} if account else _initial(request))
    if request.method == "POST" and form.is_valid():
        read = form.cleaned_data
        try:
            user = people.sign_in(
                read["account"], read["name"], read["password"], source_ip=request.META.get("REMOTE_ADDR", "")
            )
        except Unauthenticated:
            form.add_error(None, _("The account, the user or the password is wrong."))
        except TryLater as error:
            form.add_error(None, _wait_words(error))
        else:
            login(request, user, backend=BACKEND)
            response = HttpResponseRedirect(target)
            preferences.apply(response, user)
            return response
    context = {
        "form": form,
        "account": account,
        "next": target,
        "is_first_use": not AuditEntry.objects.filter(action="ram:SignIn", outcome="ok").exists(),
        "credentials_path": str(settings.DATA_DIR / "credentials.json"),
    }
    return page.render(request, "pages/signin.html", context)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponseRedirect(settings.LOGIN_URL)


def _target(request: HttpRequest) -> str:
    """Returns the page to show after signing in; only one of this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
    return wanted if is_ours else "/"


def _initial(request: HttpRequest) -> dict[str, str]:
    """Fills in who signed in here last, or the account when the server has only one."""
    from accounts.models import Account

    try:
        return {"account": Account.objects.get().name}
    except (Account.MultipleObjectsReturned, ObjectDoesNotExist):
        return {}


def _wait_words(error: TryLater) -> str:
    seconds = getattr(error, "extra", {}).get("retry_after_seconds")
    if seconds:
        return _("Too many attempts. Please try again in %(n)d s.") % {"n": seconds}
    return _("Signing in does not work just now. Please try again soon.")
