"""User groups of the account: list, one group with members and policies, and every change of one."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import members
from accounts.errors import Rejected
from accounts.models import User

from . import page, problems, users
from .people_forms import UserGroupForm


@page.page
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """Lists the user groups. A post makes one."""
    actor = page.actor(request)
    form = UserGroupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = members.create_group(actor, form.cleaned_data["name"], remark=form.cleaned_data["remark"])
        except Rejected as error:
            form.add_error("name" if error.code in {"INVALID_NAME", "ALREADY_EXISTS"} else None, problems.detail(error))
        else:
            return HttpResponseRedirect(reverse("user_group", args=[made.name]))
    context = {"rows": members.groups(actor), "form": form}
    home = page.default_instance(request)
    return page.render(request, "pages/user_groups.html", context, section="user-groups", instance=home)


@page.page
@require_GET
def show(request: HttpRequest, name: str) -> HttpResponse:
    found = members.group(page.actor(request), name)
    held = members.of_group(found)
    inside = list(found.members.order_by("name"))
    others = User.objects.filter(account_id=found.account_id, is_root=False).exclude(user_groups=found)
    context = {
        "user_group": found,
        "held": held,
        "offered": users.offered(request, {policy.policy for policy in held}),
        "members": inside,
        "others": list(others.order_by("name").values_list("name", flat=True)[:1000]),
    }
    home = page.default_instance(request)
    return page.render(request, "pages/user_group.html", context, section="user-groups", instance=home)


@page.page
@require_POST
def delete(request: HttpRequest, name: str) -> HttpResponse:
    if not page.is_confirmed(request, name):
        return HttpResponseRedirect(_to(name))
    said = _("The user group %(name)s is deleted.") % {"name": name}
    actor = page.actor(request)
    return users.change(request, lambda: members.delete_group(actor, name), said, to=reverse("user_groups"))


@page.page
@require_POST
def add(request: HttpRequest, name: str) -> HttpResponse:
    user = request.POST.get("user", "")
    said = _("%(user)s is a member now.") % {"user": user}
    actor = page.actor(request)
    return users.change(request, lambda: members.add_to_group(actor, name, user), said, to=_to(name))


@page.page
@require_POST
def remove(request: HttpRequest, name: str) -> HttpResponse:
    user = request.POST.get("user", "")
    said = _("%(user)s is no member any more.") % {"user": user}
    actor = page.actor(request)
    return users.change(request, lambda: members.remove_from_group(actor, name, user), said, to=_to(name))


@page.page
@require_POST
def attach(request: HttpRequest, name: str) -> HttpResponse:
    return users.attach_to(request, to=_to(name), group=name)


@page.page
@require_POST
def detach(request: HttpRequest, name: str) -> HttpResponse:
    return users.detach_from(request, to=_to(name), group=name)


def _to(name: str) -> str:
    return reverse("user_group", args=[name])
