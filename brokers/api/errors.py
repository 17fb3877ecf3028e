"""Every error of a view as a problem document, told as the hot door tells it."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError, connection
from django.http import Http404, HttpRequest
from django.utils.translation import get_language
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from accounts.errors import AccountError

from ..domain.errors import BrokerError, ErrorCode, TryLater
from ..protocols.http import problems, wording
from .middleware import id_of

# A page's own script gets no Basic challenge: the browser would open its password box over the console.
_QUIET_CHALLENGE = problems.CHALLENGE.rpartition(", ")[2]


def handle(error: Exception, context: dict[str, Any]) -> Response | None:  # Any: as REST framework calls it
    """Returns the answer to an error raised in a view; None for one nobody expected, which Django logs."""
    problem = _problem(error)
    if problem is None:
        return None
    request: HttpRequest = context["request"]._request
    headers = problems.headers(problem)
    if "WWW-Authenticate" in headers and request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
        headers["WWW-Authenticate"] = _QUIET_CHALLENGE
    return Response(
        problems.document(problem, id_of(request), get_language()),
        status=problems.status(problem.code),
        headers=headers,
        content_type=problems.CONTENT_TYPE,
    )


def _problem(error: Exception) -> problems.Problem | None:
    if isinstance(error, BrokerError | AccountError):
        return error
    if isinstance(error, OperationalError | InterfaceError):
        connection.close_if_unusable_or_obsolete()
        return TryLater(
            "The database cannot be reached. Try again.", ErrorCode.STORE_UNAVAILABLE, retry_after_seconds=1
        )
    if isinstance(error, exceptions.ValidationError):
        told = _complaints(error.detail)
        complaints = [(member, wording.translate(text, get_language())) for member, text in told]
        member, text = complaints[0]
        return BrokerError(
            f"{member}: {text}" if member else text,
            ErrorCode.INVALID_REQUEST,
            errors=[{"member": name, "detail": complaint} for name, complaint in complaints],
        )
    return _framework_problem(error)


def _framework_problem(error: Exception) -> BrokerError | None:
    """Returns the problem of what Django or REST framework raised by themselves."""
    if isinstance(error, exceptions.MethodNotAllowed):
        return BrokerError("This address does not take this method; see Allow.", ErrorCode.METHOD_NOT_ALLOWED)
    if isinstance(error, exceptions.UnsupportedMediaType):
        return BrokerError("Send the body as application/json.", ErrorCode.UNSUPPORTED_MEDIA_TYPE)
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return BrokerError("This needs an access key or a session.", ErrorCode.UNAUTHENTICATED)
    if isinstance(error, exceptions.PermissionDenied):
        return BrokerError(str(error.detail), ErrorCode.ACCESS_DENIED)
    if isinstance(error, Http404 | exceptions.NotFound):
        return BrokerError("There is nothing at this address.", ErrorCode.NOT_FOUND)
    if isinstance(error, RequestDataTooBig):
        return BrokerError("The request is too large.", ErrorCode.REQUEST_TOO_LARGE)
    if isinstance(error, exceptions.NotAcceptable | exceptions.ParseError | SuspiciousOperation):
        return BrokerError("The request cannot be read.", ErrorCode.INVALID_REQUEST)
    return None


def _complaints(detail: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:  # Any: nested lists, objects
    """Yields (member, what is wrong with it); members within members are joined by dots."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _complaints(inner, path if name == api_settings.NON_FIELD_ERRORS_KEY else (*path, str(name)))
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            yield from _complaints(inner, (*path, str(position)) if isinstance(inner, dict) else path)
    else:
        yield ".".join(path), str(detail)
