"""A client of mqconsole in one small file: HTTP, JSON and an access key; the standard library is enough.

Copy it into a program of your own. One `Client` belongs to one thread: it keeps one connection open.
"""

import base64
import http.client
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

# Longer than the longest poll the server allows (30 s), so that a silent server is noticed and a quiet one is not.
TIMEOUT_SECONDS = 45.0
ATTEMPTS = 8
# "Not now" (429, 503), "perhaps done" (504): the same request may be sent again where repeating it is harmless.
WORTH_REPEATING = {429, 503, 504}


class Problem(Exception):
    """The server's answer was an error. `code` is stable; `detail` says what to do."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(document.get("code", ""))
        self.detail = str(document.get("detail", ""))
        super().__init__(f"{status} {self.code}: {self.detail}")


class Client:
    """Speaks to one instance, with the paths below it: `client.post("/topics/orders/messages", {"body": "hello"})`."""

    def __init__(self, credentials: Mapping[str, Any]) -> None:
        address = urlsplit(credentials["console_url"])
        self._is_secure = address.scheme == "https"
        self._place = address.netloc
        key = f"{credentials['access_key_id']}:{credentials['access_key_secret']}"
        self._headers = {
            "Authorization": "Basic " + base64.b64encode(key.encode()).decode(),
            "Content-Type": "application/json",
        }
        self._home = f"/api/v1/instances/{quote(credentials['instance'], safe='')}"
        self._connection: http.client.HTTPConnection | None = None

    @classmethod
    def from_file(cls, path: Path) -> "Client":
        """Reads `credentials.json`, which the first `make run` writes."""
        return cls(json.loads(path.read_text()))

    def get(self, path: str, **query: Any) -> Any:
        """Returns the answer to a GET, sent again for as long as the server cannot be reached."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._ask("GET", f"{path}?{urlencode(given)}" if given else path, body=None, may_repeat=True)

    def post(self, path: str, body: Mapping[str, Any], *, may_repeat: bool = False) -> Any:
        """Returns the answer to a POST. With `may_repeat` it is sent again when the first try may have got through:
        right for sends with a dedup_id, for acks, and for receives (what is lost on the way comes again later).
        """
        return self._ask("POST", path, body=json.dumps(body).encode(), may_repeat=may_repeat)

    def pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yields the items of a list, page after page."""
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, limit=500, **query)
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def _ask(self, method: str, path: str, *, body: bytes | None, may_repeat: bool) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                status, headers, answer = self._exchange(method, self._home + path, body)
            except (OSError, http.client.HTTPException):
                self._close()
                if not may_repeat or attempt == ATTEMPTS:
                    raise
                time.sleep(0.1 * 2**attempt)
                continue
            if status < 400:
                return answer
            if status not in WORTH_REPEATING or not may_repeat or attempt == ATTEMPTS:
                raise Problem(status, answer or {})
            time.sleep(float(headers.get("Retry-After", 0.1 * 2**attempt)))
        raise AssertionError("unreachable")

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, http.client.HTTPMessage, Any]:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._is_secure else http.client.HTTPConnection
            self._connection = kind(self._place, timeout=TIMEOUT_SECONDS)
        self._connection.request(method, path, body, self._headers)
        response = self._connection.getresponse()
        raw = response.read()
        return response.status, response.headers, json.loads(raw) if raw else None

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
