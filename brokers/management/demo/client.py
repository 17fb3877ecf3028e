"""The demo's way to the broker: HTTP with an access key. One client belongs to one thread."""

import base64
import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 10.0


class Unwilling(Exception):
    """The server cannot be reached, or refused. `code` is the problem's code; empty when there was no answer."""

    def __init__(self, detail: str, code: str = "") -> None:
        super().__init__(detail)
        self.code = code


class Client:
    """Asks one instance; opens its connection again when it was lost. Nothing is repeated: the caller goes on."""

    def __init__(self, url: str, credentials: Mapping[str, Any]) -> None:
        self._place = urlsplit(url).netloc
        self._home = f"/api/v1/instances/{credentials['instance']}"
        key = f"{credentials['access_key_id']}:{credentials['access_key_secret']}"
        self._headers = {
            "Authorization": f"Basic {base64.b64encode(key.encode()).decode()}",
            "Content-Type": "application/json",
        }
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> Any:  # Any: JSON values
        """Returns the answer to a GET. Raises Unwilling."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:  # Any: JSON values
        """Returns the answer to a POST. Raises Unwilling."""
        return self._ask("POST", path, json.dumps(body).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        is_used = self._connection is not None
        try:
            status, raw = self._exchange(method, path, body)
        except (OSError, http.client.HTTPException) as error:
            self._connection = None
            # A connection that rested too long was closed by the server; that is no trouble.
            if not is_used or isinstance(error, TimeoutError):
                raise Unwilling(type(error).__name__) from error
            return self._ask(method, path, body)
        answer = json.loads(raw) if raw else {}
        if status >= 400:
            raise Unwilling(str(answer.get("detail", status)), str(answer.get("code", status)))
        return answer

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._place, timeout=_TIMEOUT_SECONDS)
        self._connection.request(method, self._home + path, body, self._headers)
        response = self._connection.getresponse()
        return response.status, response.read()
