"""Checks by webhook, in the whole product: asked when nobody is connected, signed, and its decision counts."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from tests import stack
from tests.stack import Running, wait_until

ROOT = "/api/v1/instances/default"


class Hook(BaseHTTPRequestHandler):
    """Answers a check with the next of `answers`, and keeps what it heard."""

    answers: list[tuple[int, bytes]]
    heard: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append((self.headers["MQ-Signature"], body))
        status, answer = self.answers.pop(0)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture(scope="module")
def open_server() -> Iterator[Running]:
    """A product whose webhooks may lead to this machine."""
    with stack.running(MQ_WEBHOOK_ALLOW_PRIVATE="1") as running:
        yield running


@pytest.fixture
def hook() -> Iterator[tuple[str, type[Hook]]]:
    handler = type("Hook", (Hook,), {"answers": [], "heard": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/checks", handler
        server.shutdown()
        thread.join()


def test_a_webhook_is_asked_until_it_decides(open_server: Running, hook: tuple[str, type[Hook]]) -> None:
    url, handler = hook
    handler.answers += [(500, b""), (200, b"{}"), (200, b'{"decision": "unknown"}'), (200, b'{"decision": "commit"}')]
    credentials = open_server.credentials
    auth = (credentials["access_key_id"], credentials["access_key_secret"])
    with httpx.Client(base_url=open_server.url, auth=auth, timeout=120) as client:
        assert client.post(f"{ROOT}/topics", json={"name": "hooked", "type": "TRANSACTION"}).status_code == 201
        settings = {"immunity_seconds": 1, "interval_seconds": 1, "webhook_url": url}
        changed = client.patch(f"{ROOT}/producer-groups/hooked", json=settings).json()
        secret = changed["webhook_secret"]
        assert client.get(f"{ROOT}/producer-groups/hooked").json().keys().isdisjoint({"webhook_secret"})
        assert client.patch(f"{ROOT}/producer-groups/hooked", json=settings).json()["webhook_secret"] is None
        made = client.post(f"{ROOT}/topics/hooked/messages:half", json={"body": "paid", "producer_group": "hooked"})
        address = f"{ROOT}/transactions/{made.json()['transaction_id']}"
        wait_until(lambda: client.get(address).json()["state"] == "COMMITTED", what="the webhook's decision")
        found = client.get(address).json()
    assert found["decided_by"] == f"webhook {url}"
    told = [(check["outcome"], check["door"], check["detail"]) for check in reversed(found["checks"])]
    # On a busy machine a check may be offered once more before the last answer is written down.
    assert [outcome for outcome, _, _ in told][:3] == ["FAILED", "FAILED", "UNKNOWN"]
    assert {door for _, door, _ in told} == {"webhook"}
    assert "answered 500" in told[0][2] and "decision" in told[1][2]
    for number, (signature, body) in enumerate(handler.heard, start=1):
        timestamp, _, digest = signature.removeprefix("t=").partition(",v1=")
        signed = f"{timestamp}.".encode() + body
        assert digest == hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        told_of = json.loads(body)
        assert (told_of["topic"], told_of["body"], told_of["check"]) == ("hooked", "paid", number)
        assert told_of["transaction_id"] == found["transaction_id"]


@pytest.mark.parametrize(
    "url", ["http://example.org/", "ftp://example.org/", "https://u:p@example.org/", "https://", "not an address"]
)
def test_an_address_that_cannot_be_called_is_refused_when_it_is_set(server: Running, url: str) -> None:
    credentials = server.credentials
    auth = (credentials["access_key_id"], credentials["access_key_secret"])
    answer = httpx.patch(
        f"{server.url}{ROOT}/producer-groups/badly-hooked", json={"webhook_url": url}, auth=auth, timeout=120
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")


def test_an_address_inside_is_not_called(server: Running) -> None:
    credentials = server.credentials
    auth = (credentials["access_key_id"], credentials["access_key_secret"])
    with httpx.Client(base_url=server.url, auth=auth, timeout=120) as client:
        client.post(f"{ROOT}/topics", json={"name": "inside", "type": "TRANSACTION"})
        settings = {"immunity_seconds": 1, "webhook_url": f"https://localhost:{server.ports['MQ_HTTP_PORT']}/"}
        client.patch(f"{ROOT}/producer-groups/inside", json=settings).raise_for_status()
        made = client.post(f"{ROOT}/topics/inside/messages:half", json={"body": "x", "producer_group": "inside"})
        address = f"{ROOT}/transactions/{made.json()['transaction_id']}"

        def failed() -> Any:
            return [check for check in client.get(address).json()["checks"] if check["outcome"] == "FAILED"]

        assert "not public" in wait_until(failed, what="the failed check")[0]["detail"]
