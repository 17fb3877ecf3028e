"""One HTTP request and its answer, on bare ASGI.

Owns: reading a bounded body, writing one answer, request ids. Must not know: routes, messages.
Called by: doors.http.app and its handlers. Source: asgi.readthedocs.io, HTTP specification 2.4.
"""

import hashlib
import itertools
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ...domain.errors import BrokerError, ErrorCode, Rejected
from ...protocols.http import messages, problems, wording

_log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]  # Any: as ASGI defines it
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")
_JSON = [(b"content-type", b"application/json")]
_id_prefix = secrets.token_hex(4)
_id_numbers = itertools.count(1)


class Gone(Exception):
    """The client hung up while its request was read: there is nobody to answer."""


class Exchange:
    """A request being dealt with."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self._receive = receive
        self._send = send
        self.body = b""
        self.request_id = self._choose_id()

    @property
    def peer(self) -> str:
        """Returns the address the request came from."""
        client = self.scope.get("client")
        return client[0] if client else ""

    def body_sha256(self) -> str:
        """Returns the SHA-256 of the body read so far, in hex."""
        return hashlib.sha256(self.body).hexdigest()

    def check_size(self, limit: int) -> None:
        """Raises Rejected REQUEST_TOO_LARGE when the announced length is over `limit`, before anything is read."""
        length = self.headers.get(b"content-length")
        if length is not None and (not length.isdigit() or int(length) > limit):
            raise _too_large(limit)

    async def read_body(self, limit: int) -> None:
        """Reads the whole body into `body`. Raises Rejected REQUEST_TOO_LARGE as soon as it is over `limit`; Gone.

        Call `check_size` first: it refuses what is announced to be too large before anything is read.
        """
        event = await self._receive()
        if event["type"] == "http.request" and not event.get("more_body", False):
            self.body = event.get("body", b"")
            if len(self.body) > limit:
                raise _too_large(limit)
            return
        parts: list[bytes] = []
        size = 0
        while True:
            if event["type"] == "http.disconnect":
                raise Gone
            part = event.get("body", b"")
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            parts.append(part)
            if not event.get("more_body", False):
                break
            event = await self._receive()
        self.body = b"".join(parts)

    async def hang_up(self) -> None:
        """Returns when the client hangs up. Only after the body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def answer(self, status: int, value: Any) -> None:  # Any: JSON values
        """Writes a JSON answer."""
        await self._write(status, messages.dump(value), headers=_JSON)

    async def answer_text(self, body: bytes, *, content_type: str) -> None:
        """Writes a 200 that is not JSON."""
        await self._write(200, body, headers=[(b"content-type", content_type.encode())])

    async def problem(self, error: problems.Problem) -> None:
        """Writes a problem document; a request whose body was not read is not kept alive for the next one."""
        status = problems.status(error.code)
        if status >= 500 and isinstance(error, BrokerError) and error.code == ErrorCode.INTERNAL:
            _log.error("request_failed", extra={"request_id": self.request_id}, exc_info=error)
        language = self.language()
        document = messages.dump(problems.document(error, self.request_id, language))
        headers = {"content-type": problems.CONTENT_TYPE, "content-language": language, **problems.headers(error)}
        fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self._write(status, document, headers=fields)

    def language(self) -> str:
        """Returns the language the client wants to be told in what went wrong."""
        accepted = self.headers.get(b"accept-language")
        return wording.language_of(accepted.decode("latin-1")) if accepted else "en"

    async def _write(self, status: int, body: bytes, *, headers: list[tuple[bytes, bytes]]) -> None:
        fields = [
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", self.request_id.encode()),
            *headers,
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": fields})
        await self._send({"type": "http.response.body", "body": body})

    def _choose_id(self) -> str:
        given = self.headers.get(b"x-request-id")
        if given is not None and _REQUEST_ID.match(given):
            return given.decode()
        return f"{_id_prefix}{next(_id_numbers):08x}"


def _too_large(limit: int) -> Rejected:
    return Rejected(f"The request body is larger than {limit} bytes.", ErrorCode.REQUEST_TOO_LARGE)
