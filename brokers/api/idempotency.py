"""`Idempotency-Key`: a POST that is repeated because its answer was lost is done once.

The key's row, the work and its answer are one transaction. A second request with the key waits for the first one's
end, then gets its answer; what failed left no row and may be tried again with the same key.
"""

import functools
import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from ..catalog import changes
from ..domain import clock, limits
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, Rejected
from ..models import IdempotentResponse
from ..protocols.http import messages
from .identity import actor_of

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
KEPT = timedelta(days=1)
# Never kept, so never answered again.
_SECRET_MEMBER = "secret"  # noqa: S105 # the name of a member of answers
_PRUNE_COUNT = 100

Handler = Callable[..., Response]


def idempotent(handler: Handler) -> Handler:
    """Makes a view's `post` honour the header."""

    @functools.wraps(handler)
    def wrapped(view: Any, request: Request, **names: str) -> HttpResponseBase:  # Any: the view
        key = request.headers.get(HEADER)
        if key is None:
            return handler(view, request, **names)
        if not 0 < len(key) <= limits.IDEMPOTENCY_KEY_CHARS or not key.isprintable():
            raise Rejected(f"{HEADER} has 1 to {limits.IDEMPOTENCY_KEY_CHARS} printable characters.")
        actor = actor_of(request)
        with changes.transaction():
            known, is_new = IdempotentResponse.objects.get_or_create(
                account_id=actor.account_id,
                key=key,
                defaults={"request_digest": _digest(request, actor)},
            )
            if not is_new:
                return _again(known, request, actor)
            response = handler(view, request, **names)
            _keep(known, response)
            _prune()
        return response

    wrapped.is_idempotent = True  # type: ignore[attr-defined]  # a test looks for it on every post
    return wrapped  # type: ignore[return-value]  # a kept answer is a Response too


def _again(known: IdempotentResponse, request: Request, actor: Actor) -> Response:
    if known.request_digest != _digest(request, actor):
        raise Rejected(
            f"This {HEADER} was used for another request. Take a fresh key for each thing you want done.",
            ErrorCode.IDEMPOTENCY_KEY_REUSED,
        )
    body = orjson.loads(known.body) if known.body else None
    return Response(body, status=known.status, headers={REPLAYED_HEADER: "true"})


def _keep(known: IdempotentResponse, response: Response) -> None:
    data = response.data
    if isinstance(data, dict) and _SECRET_MEMBER in data:
        data = {**data, _SECRET_MEMBER: None}
    known.status = response.status_code
    known.body = "" if data is None else messages.dump(data).decode()
    known.save(update_fields=["status", "body"])


def _prune() -> None:
    """Deletes the oldest rows past their day. Looks at a bounded number, which grows by less than one a request."""
    oldest = IdempotentResponse.objects.order_by("pk").values_list("pk", "created_at")[:_PRUNE_COUNT]
    limit = clock.now() - KEPT
    IdempotentResponse.objects.filter(pk__in=[pk for pk, created_at in oldest if created_at < limit]).delete()


def _digest(request: Request, actor: Actor) -> str:
    parts = [str(actor.user_id), request.method or "", request.get_full_path()]
    return hashlib.sha256("\n".join(parts).encode() + b"\n" + request._request.body).hexdigest()
