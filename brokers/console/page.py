"""What every page has in common: who reads, what stands around the content, and how errors become pages.

Owns: the page decorator, rendering whole pages and their live fragments, the reader's `Actor`.
Must not know: any one page. Called by: every view of the console.
"""

import functools
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec
from urllib.parse import unquote

from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as django_render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation import gettext as _

from accounts import roles
from accounts.errors import AccountError
from accounts.errors import Denied as AccountDenied
from accounts.errors import NotFound as AccountNotFound
from accounts.errors import TryLater as AccountTryLater
from accounts.models import User
from brokers.catalog import access, readers, selectors
from brokers.domain import limits
from brokers.domain.actor import Actor
from brokers.domain.errors import BrokerError, Denied, ErrorCode, NotFound, Rejected, Stale, TryLater, UnknownOutcome
from brokers.models import Instance

from . import preferences, problems

_log = logging.getLogger(__name__)

DATABASE_ERRORS = (OperationalError, InterfaceError)
# What a form says beside its fields. A refusal is a page of its own, which tells who decided.
FORM_ERRORS = (Rejected, NotFound, Stale, TryLater, UnknownOutcome)

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def page(view: View[P]) -> View[P]:
    """Makes a view that needs a signed-in reader and shows a broker error as a page that says what to do."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            if isinstance(request.user, AnonymousUser):
                return _ask_to_sign_in(request)
            return view(request, *args, **kwargs)
        except BrokerError as error:
            return _problem_page(request, error)
        except DATABASE_ERRORS:
            _log.warning("page_without_database", exc_info=True)
            return _without_database(request)
        except AccountError as error:
            return _problem_page(request, translated(error))

    return wrapped


def translated(error: AccountError) -> BrokerError:
    """Returns an error of people and credentials as one of the broker's families."""
    families = ((AccountNotFound, NotFound), (AccountDenied, Denied), (AccountTryLater, TryLater))
    family = next((ours for theirs, ours in families if isinstance(error, theirs)), Rejected)
    return family(error.detail, ErrorCode(error.code), **error.extra)


def actor(request: HttpRequest) -> Actor:
    """Returns the signed-in reader as the value that rooms below ask for."""
    return readers.of_session(
        reader(request),
        request.session,
        acting(request),
        source_ip=request.META.get("REMOTE_ADDR", ""),
        is_secure=request.is_secure(),
    )


def acting(request: HttpRequest) -> roles.Acting | None:
    """Returns the role the reader acts in, None as a rule. One query a request at most."""
    if not hasattr(request, "acting"):
        request.acting = roles.of_session(request.session, reader(request))  # type: ignore[attr-defined] # ours
        if request.acting is None and roles.has_taken_on(request.session):  # type: ignore[attr-defined] # ours
            roles.take_on(request.session, None)
            messages.warning(request, _("You act as yourself again: the time in the role is over, or was ended."))
    found: roles.Acting | None = request.acting  # type: ignore[attr-defined] # ours
    return found


def oneself(request: HttpRequest) -> User:
    """Returns the signed-in user for what is their own. Raises AccountError for somebody who acts in a role."""
    roles.require_self(actor(request))
    return reader(request)


def reader(request: HttpRequest) -> User:
    """Returns the signed-in user. Only for views behind `page`."""
    assert isinstance(request.user, User)
    return request.user


def is_fragment(request: HttpRequest) -> bool:
    """Returns True if htmx asks for the live part of the page alone."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-Boosted") != "true"


def render(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,  # Any: a template takes all
    *,
    section: str = "",
    instance: Instance | None = None,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    """Renders a page, or its `live` block alone when htmx asks for that."""
    values: dict[str, Any] = {"section": section, "instance": instance, **preferences.context(request)}
    if is_fragment(request):
        values["layout"] = "layouts/fragment.html"
    elif not request.user.is_authenticated:
        values["layout"] = "layouts/plain.html"
    else:
        values["layout"] = "layouts/app.html"
        values["acting"] = acting(request)
        values["instances"] = selectors.instances(actor(request), limit=limits.PAGE_MAX).items
        values["may"] = _chrome_rights(request, instance)
    response = django_render(request, template, {**values, **(context or {})}, status=status)
    # The same address answers with a page or with a fragment: a cache must never swap the two.
    patch_vary_headers(response, ["HX-Request", "Cookie"])
    patch_cache_control(response, no_store=is_fragment(request), no_cache=True, private=True)
    return response


def is_confirmed(request: HttpRequest, name: str) -> bool:
    """Returns True if the name was typed to confirm that the thing shall go; the next page says so when it was not."""
    if request.POST.get("confirm", "").strip() == name:
        return True
    messages.error(request, _("Nothing was deleted: the name typed was another one."))
    return False


def report(request: HttpRequest, error: BrokerError) -> None:
    """Shows a broker error as a notice on the next page."""
    messages.error(request, problems.sentence(error))


def default_instance(request: HttpRequest) -> Instance | None:
    """Returns the instance the reader looked at last, else the one made first, else None."""
    mine = selectors.instances(actor(request), limit=limits.PAGE_MAX).items
    last = unquote(request.COOKIES.get(preferences.INSTANCE_COOKIE, ""))
    return next((row for row in mine if row.name == last), min(mine, key=lambda row: row.pk, default=None))


def _chrome_rights(request: HttpRequest, instance: Instance | None) -> dict[str, bool]:
    """Returns which links around the page lead somewhere for this reader."""
    who = actor(request)
    scope = f"acs:ram:*:{who.account_id}:*"
    inside = access.resource(who.account_id, instance.name if instance else "*", "*")
    return {
        "users": access.may(who, "ram:ListUsers", scope),
        "user_groups": access.may(who, "ram:ListGroups", scope),
        "policies": access.may(who, "ram:ListPolicies", scope),
        "unused": access.may(who, "ram:ListUnusedRights", scope),
        "roles": access.may(who, "ram:ListRoles", scope),
        "simulate": access.may(who, "ram:SimulatePolicy", scope),
        "limits": access.may(who, "mq:QueryLimits", access.resource(who.account_id, "*")),
        "transactions": instance is not None
        and access.may(who, "mq:QueryMessage", access.resource(who.account_id, instance.name)),
        "audit": access.may(who, "mq:QueryAudit", f"acs:mq:*:{who.account_id}:*"),
        "create_instance": access.may(who, "mq:CreateInstance", f"acs:mq:*:{who.account_id}:*"),
        "create_topic": access.may(who, "mq:CreateTopic", inside),
        "create_group": access.may(who, "mq:CreateGroup", inside),
    }


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler for an address that leads nowhere."""
    return _problem_page(request, NotFound(_("There is no page at this address.")))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's handler for a form without a valid token: a page that was open too long, or a foreign site."""
    return _problem_page(
        request, Denied(_("This form is too old, or was not sent from here. Go back, reload, and send it again."))
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler for a fault of ours. Uses no database: that may be what failed."""
    return HttpResponse(
        _("Something went wrong on the server. The log holds the details; please try again."),
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        content_type="text/plain; charset=utf-8",
    )


def _ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    if is_fragment(request):
        return HttpResponse(status=HTTPStatus.UNAUTHORIZED)
    return redirect_to_login(request.get_full_path())


def _without_database(request: HttpRequest) -> HttpResponse:
    """Answers when PostgreSQL is away: nothing here may look at the session or the user, which are in it."""
    text = _("The database cannot be reached just now. Please try again in a moment.")
    code = ErrorCode.STORE_UNAVAILABLE
    context = {
        **preferences.context(request),
        "layout": "layouts/plain.html",
        "title": problems.title(code),
        "detail": text,
        "error": TryLater(text, code),
        "status": int(HTTPStatus.SERVICE_UNAVAILABLE),
    }
    return django_render(request, "pages/problem.html", context, status=HTTPStatus.SERVICE_UNAVAILABLE)


def _problem_page(request: HttpRequest, error: BrokerError) -> HttpResponse:
    status = HTTPStatus.BAD_REQUEST
    for family, answer in (
        (NotFound, HTTPStatus.NOT_FOUND),
        (Denied, HTTPStatus.FORBIDDEN),
        (TryLater, HTTPStatus.SERVICE_UNAVAILABLE),
        (UnknownOutcome, HTTPStatus.SERVICE_UNAVAILABLE),
    ):
        if isinstance(error, family):
            status = answer
    # The menu stays usable, unless it is the database that failed.
    home = None
    if request.user.is_authenticated and status != HTTPStatus.SERVICE_UNAVAILABLE:
        home = default_instance(request)
    context = {
        "title": problems.title(error.code),
        "detail": problems.detail(error),
        "reason": problems.reason(error),
        "error": error,
        "status": int(status),
    }
    return render(request, "pages/problem.html", context, instance=home, status=status)


def seen(request: HttpRequest) -> set[str] | None:
    """Returns the edition a form was filled in from; None when it does not say."""
    edition = request.POST.get("seen", "")
    return {edition} if edition else None


def with_edition(request: HttpRequest, present: str) -> dict[str, object]:
    """Returns what a form needs to notice a change by somebody else: `seen`, and `is_overtaken` after one.

    A form that was refused keeps the edition it was filled in from, so that sending it again is refused again.
    """
    edition = request.POST.get("seen", "") or present
    return {"seen": edition, "is_overtaken": edition != present}
