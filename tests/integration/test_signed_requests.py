"""Signed requests to the running product: the hot door and management judge them alike."""

import json
import secrets
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests import tempo
from tests.stack import Running

PAGE = (Path(__file__).parents[2] / "docs" / "http-signature.md").read_text()
PROGRAM: dict[str, Any] = {}
exec(PAGE.partition("```python\n")[2].partition("```")[0], PROGRAM)  # the documented client

TOPIC, GROUP = "signed|orders", "signed-mail"
SEND = f"/api/v1/instances/default/topics/{quote(TOPIC)}/messages"
SHOW = f"/api/v1/instances/default/topics/{quote(f'%RETRY%{GROUP}')}"
FIND = (
    f"/api/v1/instances/default/messages?topic={quote(TOPIC)}&limit=5&from=2020-01-01T00%3A00%3A00%2B00:00&tag=a%7C%7Cb"
)
BODY = json.dumps({"body": "héllo", "tag": "b"}).encode()


@pytest.fixture
def client(server: Running) -> Any:
    with httpx.Client(base_url=server.url, timeout=120) as made:
        basic = (server.credentials["access_key_id"], server.credentials["access_key_secret"])
        for kind, name in (("topics", TOPIC), ("groups", GROUP)):
            answer = made.post(f"/api/v1/instances/default/{kind}", json={"name": name}, auth=basic)
            assert answer.status_code in {201, 409}, answer.text
        yield made


def signed(server: Running, method: str, path: str, *, body: bytes = b"") -> dict[str, str]:
    headers = {"x-mq-timestamp": str(int(time.time())), "x-mq-nonce": secrets.token_urlsafe(18)}
    if body:
        headers["content-type"] = "application/json"
    made: dict[str, str] = PROGRAM["signed_headers"](
        server.credentials["access_key_id"],
        server.credentials["access_key_secret"],
        method=method,
        path=path.partition("?")[0],
        query=path.partition("?")[2],
        body=body,
        headers=headers,
    )
    return made


def refusal(response: httpx.Response) -> str:
    assert response.status_code == 401, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["code"])


def test_the_documented_client_reaches_both_doors(server: Running, client: httpx.Client) -> None:
    headers = signed(server, "POST", SEND, body=BODY)
    assert client.post(SEND, content=BODY, headers=headers).status_code == 201
    assert refusal(client.post(SEND, content=BODY, headers=headers)) == "SIGNATURE_REPLAYED"
    assert client.get(SHOW, headers=signed(server, "GET", SHOW)).json()["group"] == GROUP
    found = client.get(FIND, headers=signed(server, "GET", FIND)).json()["items"]
    assert {hit["head"] for hit in found} == {"héllo"}


def test_a_changed_body_or_query_is_refused_by_both_doors(server: Running, client: httpx.Client) -> None:
    changed = client.post(SEND, content=BODY + b" ", headers=signed(server, "POST", SEND, body=BODY))
    assert refusal(changed) == "SIGNATURE_MISMATCH"
    changed = client.get(FIND.replace("limit=5", "limit=6"), headers=signed(server, "GET", FIND))
    assert refusal(changed) == "SIGNATURE_MISMATCH"


def test_a_nonce_used_at_one_door_is_used_at_the_other(server: Running, client: httpx.Client) -> None:
    headers = signed(server, "GET", SHOW)
    assert client.get(SHOW, headers=headers).status_code == 200
    assert refusal(client.get(SHOW, headers=headers)) == "SIGNATURE_REPLAYED"


@pytest.mark.parametrize("missing", ["authorization", "x-mq-nonce", "x-mq-timestamp"])
def test_a_signature_that_lost_a_part_makes_nobody_anonymous(
    server: Running, client: httpx.Client, missing: str
) -> None:
    for method, path, body in (("GET", SHOW, b""), ("POST", SEND, BODY)):
        headers = signed(server, method, path, body=body)
        del headers[missing]
        refusal(client.request(method, path, content=body, headers=headers))


def test_a_key_switched_off_is_refused_by_both_doors_within_two_seconds(server: Running, client: httpx.Client) -> None:
    basic = (server.credentials["access_key_id"], server.credentials["access_key_secret"])
    made = client.post("/api/v1/access-keys", json={}, auth=basic).json()
    second = (made["id"], made["secret"])
    assert client.post(SEND, content=BODY, auth=second, headers={"content-type": "application/json"}).is_success
    client.patch(f"/api/v1/access-keys/{made['id']}", json={"enabled": False}, auth=basic).raise_for_status()
    with tempo.watch() as watch:
        while (answer := client.post(SEND, content=BODY, auth=second)).is_success:
            assert watch.seconds() < 2.0
    assert refusal(answer) == "ACCESS_KEY_DISABLED"
    assert refusal(client.get(SHOW, auth=second)) == "ACCESS_KEY_DISABLED"
    assert client.delete(f"/api/v1/access-keys/{made['id']}", auth=basic).status_code == 204
