"""The signed-in user's own AccessKeys."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import clock, keys
from accounts.errors import Rejected
from accounts.limits import KEYS_PER_USER

from . import confirm, page, problems
from .forms import KeyForm

_OVERLAP_HOURS = (1, 24, 168, 720)
OVERLAPS = [(hours, 3600 * hours) for hours in _OVERLAP_HOURS]


def overlap_of(request: HttpRequest) -> int:
    """Returns for how many seconds the form says that a key that is rotated is good yet."""
    hours = request.POST.get("hours", "")
    return 3600 * int(hours) if hours in {str(n) for n in _OVERLAP_HOURS} else 0


def fresh(key_id: str, secret: str) -> dict[str, str]:
    """Returns a new key as pages show it, once."""
    return {"key_id": key_id, "secret": secret, "code": f"export KEY='{key_id}:{secret}'"}


@sensitive_variables("secret", "made")
@page.page
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """Lists the keys. A post makes one and shows its secret in this one answer."""
    page.oneself(request)
    actor = page.actor(request)
    form = KeyForm(request.POST or None)
    made = None
    if request.method == "POST" and not _may_change(request):
        return confirm.ask(request)
    if request.method == "POST" and form.is_valid():
        try:
            key, secret = keys.create(
                page.oneself(request),
                remark=form.cleaned_data["remark"],
                actor=actor.signature,
                source_ip=actor.source_ip,
            )
        except Rejected as error:
            messages.error(request, problems.detail(error))
        else:
            made = fresh(key.key_id, secret)
            form = KeyForm()
    return _show(request, form, made=made)


@sensitive_variables("secret")
@page.page
@require_POST
def rotate(request: HttpRequest, key_id: str) -> HttpResponse:
    """Makes a key that takes the place of another, and shows its secret in this one answer."""
    if not _may_change(request):
        return confirm.ask(request)
    actor = page.actor(request)
    try:
        key, secret = keys.rotate(
            page.oneself(request),
            key_id,
            overlap_seconds=overlap_of(request),
            actor=actor.signature,
            source_ip=actor.source_ip,
        )
    except Rejected as error:
        messages.error(request, problems.detail(error))
        return HttpResponseRedirect(reverse("keys"))
    return _show(request, KeyForm(), made=fresh(key.key_id, secret))


@page.page
@require_POST
def enable(request: HttpRequest, key_id: str) -> HttpResponse:
    """Switches a key on or off, as the posted `enabled` says."""
    if not _may_change(request):
        return confirm.ask(request)
    actor = page.actor(request)
    enabled = request.POST.get("enabled") == "1"
    keys.change(page.oneself(request), key_id, enabled=enabled, actor=actor.signature, source_ip=actor.source_ip)
    messages.success(
        request, _("The key is enabled.") if enabled else _("The key is disabled; it is refused from now on.")
    )
    return HttpResponseRedirect(reverse("keys"))


@page.page
@require_POST
def delete(request: HttpRequest, key_id: str) -> HttpResponse:
    if not _may_change(request):
        return confirm.ask(request)
    actor = page.actor(request)
    keys.delete(page.oneself(request), key_id, actor=actor.signature, source_ip=actor.source_ip)
    messages.success(request, _("The key is deleted."))
    return HttpResponseRedirect(reverse("keys"))


def _show(request: HttpRequest, form: KeyForm, *, made: dict[str, str] | None) -> HttpResponse:
    rows = keys.of_user(page.oneself(request))
    now = clock.now()
    context = {
        "rows": [(key, key.ends_at is not None and key.ends_at <= now) for key in rows],
        "form": form,
        "fresh": made,
        "can_create": len(rows) < KEYS_PER_USER,
        "overlaps": OVERLAPS,
    }
    response = page.render(request, "pages/keys.html", context, section="keys", instance=page.default_instance(request))
    response.headers["Cache-Control"] = "no-store"
    return response


def _may_change(request: HttpRequest) -> bool:
    """Returns False for a root user who did not lately prove who they are: a key of root opens everything."""
    actor = page.actor(request)
    return actor.is_fresh or not actor.is_root
