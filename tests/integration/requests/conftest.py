"""Asking and answering over HTTP, with as little around it as possible."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.stack import Running, wait_until

ROOT = "/api/v1/instances/default"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Rest:
    """A client with a key. Answers are checked by whoever asks."""

    client: httpx.Client

    def topic(self) -> str:
        return self._make("topics", f"ask-{next(_numbers)}", {"queues": 2})

    def group(self) -> str:
        return self._make("groups", f"answer-{next(_numbers)}", {"backoff_seconds": [0]})

    def ask(self, topic: str, body: str = "how many?", **more: Any) -> httpx.Response:
        return self.client.post(f"{ROOT}/topics/{topic}/messages:request", json={"body": body, **more})

    def ask_kept(self, topic: str, *, seconds: float) -> httpx.Response:
        """Asks without waiting: the replies are looked for later."""
        form = {"body": "how many?", "timeout_seconds": seconds, "async": True}
        return self.client.post(f"{ROOT}/topics/{topic}/messages:request", json=form)

    def receive(self, group: str, topic: str, **more: Any) -> list[dict[str, Any]]:
        answer = self.client.post(f"{ROOT}/groups/{group}/messages:receive", json={"topics": [topic], **more})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["messages"]
        return found

    def reply(self, request: dict[str, Any], body: str = "seven", **more: Any) -> httpx.Response:
        form = {"reply_to": request["reply_to"], "body": body, **more}
        return self.client.post(f"{ROOT}/requests/{request['correlation_id']}:reply", json=form)

    def look(self, correlation_id: str, **query: Any) -> httpx.Response:
        return self.client.get(f"{ROOT}/requests/{correlation_id}", params=query)

    def ready(self, group: str, topic: str) -> None:
        """Makes the group one that reads the topic."""
        self.receive(group, topic)

    def request_in(self, group: str, topic: str) -> dict[str, Any]:
        """Waits for the one request a group gets."""
        (found,) = wait_until(lambda: self.receive(group, topic, wait_seconds=5), what="the request to arrive")
        return dict(found)

    def _make(self, kind: str, name: str, fields: dict[str, Any]) -> str:
        answer = self.client.post(f"{ROOT}/{kind}", json={"name": name, **fields})
        assert answer.status_code == 201, answer.text
        return name


@pytest.fixture
def rest(server: Running) -> Iterator[Rest]:
    key = server.credentials["access_key_id"], server.credentials["access_key_secret"]
    with httpx.Client(base_url=server.url, auth=key, timeout=180.0, trust_env=False) as client:
        yield Rest(client)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool
