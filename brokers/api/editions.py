"""ETag and If-Match: whoever gives back the edition they saw cannot overwrite what somebody else saved meanwhile."""

import re

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from ..domain.errors import Rejected

GIVEN = OpenApiParameter(
    "ETag",
    str,
    OpenApiParameter.HEADER,
    response=True,
    description="the edition this is; give it back as If-Match with a change",
)
# Source: RFC 9110 §8.8.3 and §13.1.1.
_TAG = r'(W/)?"[!#-~]{1,64}"'
_FORM = rf"^(\*|{_TAG}( *, *{_TAG}){{0,9}})$"
ASKED = OpenApiParameter(
    "If-Match",
    {"type": "string", "pattern": _FORM},
    OpenApiParameter.HEADER,
    description="The ETag you saw. If it is another by now, nothing is done and the answer is 412 CHANGED_MEANWHILE.",
)
_LISTED = re.compile(_FORM)
_PARTS = re.compile(r'(W/)?"([^"]*)"')


def seen(request: Request) -> set[str] | None:
    """Returns the editions in If-Match, None when it is not given or `*`. Raises Rejected for anything else.

    A weak one, which a proxy makes of ours, never matches.
    """
    text = request.headers.get("If-Match", "*").strip()
    if not _LISTED.fullmatch(text):
        raise Rejected('If-Match is * or the ETag you were given, in its double quotes: "5f0c…".')
    return None if text == "*" else {tag for weak, tag in _PARTS.findall(text) if not weak}


def marked(response: Response, edition: str) -> Response:
    """Returns the response with the edition of what it shows."""
    response.headers["ETag"] = f'"{edition}"'
    return response
