"""Policies of the account: list, editor, versions, and the simulator."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import editions, grants, members
from accounts.errors import AccountError, Rejected
from accounts.policies import spellings, system
from brokers.domain import clock

from . import page, problems, statements, users
from .people_forms import PolicyForm, SimulatorForm

_EXAMPLE = """\
{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["mq:PUB", "mq:QueryTopic"],
      "Resource": "acs:mq:*:*:%(instance)s%%orders"
    }
  ]
}"""


@page.page
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    context = {"rows": grants.policies(page.actor(request)), "system": system.POLICIES.items()}
    home = page.default_instance(request)
    return page.render(request, "pages/policies.html", context, section="policies", instance=home)


@page.page
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    home = page.default_instance(request)
    example = _EXAMPLE % {"instance": home.name if home else "instance"}
    actor = page.actor(request)
    form, editor = PolicyForm(request.POST or None), _editor(request, example)
    if _is_step(request):
        form = PolicyForm(initial=request.POST.dict())
    elif request.method == "POST" and form.is_valid():
        read = form.cleaned_data
        try:
            made = grants.create_policy(actor, read["name"], statements.saved(request.POST), remark=read["remark"])
        except Rejected as error:
            form.add_error(_field_of(error), problems.detail(error))
        else:
            messages.success(request, _("The policy %(name)s is saved. Attach it to somebody.") % {"name": made.name})
            return HttpResponseRedirect(_to(made.name))
    context = {"form": form, "editor": editor}
    return page.render(request, "pages/policy_form.html", context, section="policies", instance=home)


@page.page
@require_http_methods(["GET", "POST"])
def show(request: HttpRequest, name: str) -> HttpResponse:
    """Shows a policy. A post saves a new version."""
    actor = page.actor(request)
    found = grants.policy(actor, name)
    kept = grants.versions(found)
    text = next(version.document for version in kept if version.number == found.default_number)
    form, editor = PolicyForm(request.POST or None), _editor(request, text)
    for unwanted in ("name", "remark"):
        del form.fields[unwanted]
    if request.method == "POST" and not _is_step(request) and form.is_valid():
        try:
            made = grants.add_version(actor, name, statements.saved(request.POST), seen=page.seen(request))
        except Rejected as error:
            form.add_error(None if error.code == editions.CODE else "document", problems.detail(error))
        else:
            messages.success(request, _("Version %(n)d is saved and counts from now on.") % {"n": made.number})
            return HttpResponseRedirect(_to(name))
    context = {
        "policy": found,
        "versions": kept,
        "form": form,
        "editor": editor,
        "attachments": list(found.attachments.select_related("user", "group", "role")),
        **page.with_edition(request, grants.edition(found)),
    }
    home = page.default_instance(request)
    return page.render(request, "pages/policy.html", context, section="policies", instance=home)


@page.page
@require_POST
def default(request: HttpRequest, name: str, number: int) -> HttpResponse:
    said = _("Version %(n)d counts from now on.") % {"n": number}
    return users.change(request, lambda: grants.set_default(page.actor(request), name, number), said, to=_to(name))


@page.page
@require_POST
def delete(request: HttpRequest, name: str) -> HttpResponse:
    if not page.is_confirmed(request, name):
        return HttpResponseRedirect(_to(name))
    try:
        grants.delete_policy(page.actor(request), name)
    except Rejected as error:
        messages.error(request, problems.detail(error))
        return HttpResponseRedirect(_to(name))
    messages.success(request, _("The policy %(name)s is deleted.") % {"name": name})
    return HttpResponseRedirect(reverse("policies"))


@page.page
@require_GET
def simulator(request: HttpRequest) -> HttpResponse:
    """Answers: may this user do this on that, from this address? With the statement that decides."""
    actor = page.actor(request)
    asked = {"source_ip": actor.source_ip, **request.GET.dict()}
    form = SimulatorForm(asked if "action" in asked else None, initial=asked)
    form.offer([user.name for user in members.users(actor)])
    judged: dict[str, Any] | None = None  # Any: JSON values
    if form.is_bound and form.is_valid():
        try:
            judged = grants.simulate(actor, **form.cleaned_data, at=clock.now())
        except Rejected as error:
            form.add_error(None, problems.detail(error))
    context = {"form": form, "judged": judged, "known_actions": list(spellings.ACTIONS)}
    home = page.default_instance(request)
    return page.render(request, "pages/simulator.html", context, section="simulator", instance=home)


def _is_step(request: HttpRequest) -> bool:
    """Returns whether a form was sent to go on editing, and not to be saved."""
    return request.method == "POST" and bool(request.POST.get("step"))


def _editor(request: HttpRequest, text: str) -> statements.Editor:
    account_id = page.actor(request).account_id
    if _is_step(request):
        return statements.stepped(request.POST, account_id)
    return statements.opened(request.POST.get("document", text), account_id)


def _field_of(error: AccountError) -> str:
    return "name" if error.code in {"INVALID_NAME", "ALREADY_EXISTS"} else "document"


def _to(name: str) -> str:
    return reverse("policy", args=[name])
