"""What every answer under /api/ has: an X-Request-Id, no caching, and a problem document for whatever went wrong.

Errors of Django itself (an unknown host, a broken header, a crash) come as HTML; here they become problems too.
"""

import re
import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from ..domain.errors import BrokerError, ErrorCode
from ..protocols.http import messages, problems, wording

PREFIX = "/api/"
HEADER = "X-Request-Id"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_CODES = {
    400: (ErrorCode.INVALID_REQUEST, "The request cannot be read. Check the address, the Host header and the body."),
    403: (ErrorCode.ACCESS_DENIED, "This is not allowed."),
    404: (ErrorCode.NOT_FOUND, "There is nothing at this address."),
    405: (ErrorCode.METHOD_NOT_ALLOWED, "This address does not take this method."),
    413: (ErrorCode.REQUEST_TOO_LARGE, "The request is too large."),
}
_INTERNAL = (ErrorCode.INTERNAL, "The server failed; the log has the details under this request id. Try again.")


class ApiMiddleware:
    """Stands outside all other middleware, so that what they answer passes here too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        request_id = _choose(request)
        request.META["mq.request_id"] = request_id
        response = self.get_response(request)
        if response.status_code >= 400 and "json" not in response.headers.get("Content-Type", ""):
            language = wording.language_of(request.headers.get("Accept-Language", ""))
            response = _as_problem(response.status_code, request_id, language)
        response.headers[HEADER] = request_id
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def id_of(request: HttpRequest) -> str:
    """Returns the request's id, the client's own when it sent a proper one."""
    return str(request.META.get("mq.request_id", ""))


def _choose(request: HttpRequest) -> str:
    given = request.headers.get(HEADER, "")
    return given if _GIVEN.match(given) else secrets.token_hex(8)


def _as_problem(status: int, request_id: str, language: str) -> HttpResponse:
    code, detail = _CODES.get(status, _INTERNAL if status >= 500 else _CODES[400])
    document = {**problems.document(BrokerError(detail, code), request_id, language), "status": status}
    told = HttpResponse(messages.dump(document), status=status, content_type=problems.CONTENT_TYPE)
    told.headers["Content-Language"] = language
    return told
