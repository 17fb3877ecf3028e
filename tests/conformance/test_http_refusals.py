"""Every no of the HTTP door is a problem document with a code and a text that says what to do; nothing is half done."""

import base64
import hashlib
import hmac
import json
import secrets
import select
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests import tempo
from tests.conformance.conftest import Product
from tests.stack import wait_until


@pytest.fixture(scope="module")
def topic(product: Product) -> str:
    return product.topic()


@pytest.fixture(scope="module")
def group(product: Product) -> str:
    return product.group()


@pytest.fixture(scope="module")
def raw(product: Product) -> Iterator[httpx.Client]:
    """A client of the instance's addresses, without a word about errors."""
    url = f"{product.server.url}{product.base}"
    with httpx.Client(base_url=url, auth=product.key, timeout=120, trust_env=False) as client:
        yield client


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Checks a problem document and returns it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert (document["status"], document["code"]) == (status, code), document
    assert document["type"] == f"urn:mqconsole:error:{code}"
    assert document["title"] and len(document["detail"]) >= 10, document
    assert document["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text and "psycopg" not in answer.text
    return document


def count(product: Product, topic: str) -> int:
    ((found,),) = product.rows(
        "SELECT coalesce(sum(q.next_offset), 0)::int FROM brokers_queue q JOIN brokers_topic t ON t.id = q.topic_id"
        " WHERE t.name = %s",
        topic,
    )
    return int(found)


SENDS: list[tuple[bytes, int, str, str]] = [
    (b"", 400, "INVALID_JSON", "JSON"),
    (b"{", 400, "INVALID_JSON", "JSON"),
    (b"[]", 400, "INVALID_JSON", "object"),
    (b'"text"', 400, "INVALID_JSON", "object"),
    (b'{"body": "\xff"}', 400, "INVALID_JSON", "JSON"),
    (b'{"body": "\\ud800"}', 400, "INVALID_JSON", "JSON"),
    (b"[" * 100_000, 400, "INVALID_JSON", "JSON"),
    (b"{}", 400, "INVALID_REQUEST", "body"),
    (b'{"body": 1}', 400, "INVALID_REQUEST", "string"),
    (b'{"body": "a", "body_base64": "YQ=="}', 400, "INVALID_REQUEST", "one of"),
    (b'{"body_base64": "a"}', 400, "INVALID_REQUEST", "base64"),
    (b'{"body": "a", "bdoy": 1}', 400, "INVALID_REQUEST", "'bdoy'"),
    (b'{"body": "a", "tag": 5}', 400, "INVALID_REQUEST", "tag"),
    (b'{"body": "a", "tag": "a\\u0000"}', 400, "INVALID_REQUEST", "NUL"),
    (b'{"body": "a", "keys": "k"}', 400, "INVALID_REQUEST", "list"),
    (b'{"body": "a", "keys": ["a\\u0000"]}', 400, "INVALID_REQUEST", "key"),
    (b'{"body": "a", "properties": {"a": 1}}', 400, "INVALID_REQUEST", "strings"),
    (b'{"body": "a", "properties": {"a": "\\u0000"}}', 400, "INVALID_REQUEST", "control"),
    (b'{"body": "a", "properties": {"KEYS": "x"}}', 400, "RESERVED_PROPERTY", "KEYS"),
    (b'{"body": "a", "sharding_key": ""}', 400, "INVALID_REQUEST", "sharding_key"),
    (b'{"body": "a", "delay_seconds": -1}', 400, "INVALID_REQUEST", "delay_seconds"),
    (b'{"body": "a", "delay_seconds": "5"}', 400, "INVALID_REQUEST", "delay_seconds"),
    (b'{"body": "a", "delay_seconds": 1e999}', 400, "INVALID_JSON", "JSON"),
    (b'{"body": "a", "deliver_at": "tomorrow"}', 400, "INVALID_REQUEST", "zone"),
    (b'{"body": "a", "deliver_at": "2026-11-21T08:30:00"}', 400, "INVALID_REQUEST", "zone"),
    (b'{"body": "a", "message_id": "no spaces!"}', 400, "INVALID_REQUEST", "message_id"),
    (b'{"body": "a", "delay_seconds": 5}', 409, "TOPIC_TYPE_MISMATCH", "DELAY"),
]


@pytest.mark.parametrize(("body", "status", "code", "word"), SENDS)
def test_a_bad_send_says_what_to_change(
    product: Product, raw: httpx.Client, topic: str, body: bytes, status: int, code: str, word: str
) -> None:
    before = count(product, topic)
    answer = raw.post(f"/topics/{topic}/messages", content=body, headers={"content-type": "application/json"})
    assert word in problem(answer, status, code)["detail"]
    assert count(product, topic) == before


RECEIVES: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "INVALID_REQUEST"),
    ({"topics": []}, 400, "INVALID_REQUEST"),
    ({"topics": "orders"}, 400, "INVALID_REQUEST"),
    ({"topics": ["missing"]}, 404, "TOPIC_NOT_FOUND"),
    ({"topics": ["nul\0"]}, 404, "TOPIC_NOT_FOUND"),
    ({"topics": ["x" * 100_000]}, 404, "TOPIC_NOT_FOUND"),
    ({"topics": [{"topic": "missing", "filter": {"sql": "a = 1"}}]}, 404, "TOPIC_NOT_FOUND"),
    ({"topics": [{"topic": "missing", "filter": {"sql": "a != 1"}}]}, 400, "INVALID_REQUEST"),
    ({"topics": [{"topic": "missing", "filter": {"sql": 5}}]}, 400, "INVALID_REQUEST"),
    ({"topics": [{"topic": "missing", "filter": {"tags": "a"}}]}, 400, "INVALID_REQUEST"),
    ({"topics": [{"topic": "missing", "filter": 5}]}, 400, "INVALID_REQUEST"),
    ({"topics": ["missing"], "max": 0}, 400, "INVALID_REQUEST"),
    ({"topics": ["missing"], "max": 257}, 400, "INVALID_REQUEST"),
    ({"topics": ["missing"], "max": 1.5}, 400, "INVALID_REQUEST"),
    ({"topics": ["missing"], "wait_seconds": 31}, 400, "INVALID_REQUEST"),
    ({"topics": ["missing"], "wait_seconds": True}, 400, "INVALID_REQUEST"),
    ({"topics": ["missing"], "invisible_seconds": 0}, 400, "INVALID_REQUEST"),
    ({"topics": ["missing"], "invisible_seconds": 43_201}, 400, "INVALID_REQUEST"),
    ({"topics": ["missing"], "client_id": "a\nb"}, 400, "INVALID_REQUEST"),
    ({"topics": ["missing"], "client_id": "x" * 129}, 400, "INVALID_REQUEST"),
]


@pytest.mark.parametrize(("asked", "status", "code"), RECEIVES)
def test_a_bad_receive_says_what_to_change(
    raw: httpx.Client, group: str, asked: dict[str, Any], status: int, code: str
) -> None:
    problem(raw.post(f"/groups/{group}/messages:receive", json=asked), status, code)


@pytest.mark.parametrize("verb", ["ack", "nack", "extend"])
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"receipts": []},
        {"receipts": "r"},
        {"receipts": [5]},
        {"receipts": ["r"] * 1001},
        {"receipts": ["r"], "x": 1},
    ],
)
def test_bad_lists_of_receipts_are_refused_as_a_whole(
    raw: httpx.Client, group: str, verb: str, asked: dict[str, Any]
) -> None:
    problem(raw.post(f"/groups/{group}/messages:{verb}", json=asked), 400, "INVALID_REQUEST")


@pytest.mark.parametrize("name", ["missing", "%00", "a%00b", "%ff%fe", "x" * 300, "%25DLQ%25missing", "%20"])
def test_unknown_names_are_not_found(product: Product, raw: httpx.Client, name: str) -> None:
    problem(raw.post(f"/topics/{name}/messages", json={"body": "a"}), 404, "TOPIC_NOT_FOUND")
    problem(raw.post(f"/groups/{name}/messages:receive", json={"topics": ["t"]}), 404, "GROUP_NOT_FOUND")
    url = f"{product.server.url}/api/v1/instances/{name}/topics/t/messages"
    problem(
        httpx.post(url, json={"body": "a"}, auth=product.key, trust_env=False, timeout=120), 404, "INSTANCE_NOT_FOUND"
    )
    problem(raw.get(f"/topics/{name}"), 404, "TOPIC_NOT_FOUND")
    problem(raw.get(f"/groups/{name}"), 404, "GROUP_NOT_FOUND")


def test_sending_to_what_belongs_to_a_group_is_refused(raw: httpx.Client, group: str) -> None:
    for prefix in ("%25RETRY%25", "%25DLQ%25"):
        answer = raw.post(f"/topics/{prefix}{group}/messages", json={"body": "a"})
        problem(answer, 409, "TOPIC_TYPE_MISMATCH")


def test_batches_out_of_bounds_are_refused(raw: httpx.Client, topic: str) -> None:
    for messages in ([], [{"body": "a"}] * 1001, "x", None):
        problem(raw.post(f"/topics/{topic}/messages:batch", json={"messages": messages}), 400, "INVALID_REQUEST")


def test_other_verbs_and_types_are_refused(raw: httpx.Client, topic: str, group: str) -> None:
    for path in (f"/topics/{topic}/messages", f"/topics/{topic}/messages:batch", f"/groups/{group}/messages:ack"):
        answer = raw.put(path, json={})
        problem(answer, 405, "METHOD_NOT_ALLOWED")
        assert "POST" in answer.headers["allow"]
        problem(raw.post(path, content=b"<a/>", headers={"content-type": "text/xml"}), 415, "UNSUPPORTED_MEDIA_TYPE")
    problem(raw.post(f"/groups/{group}/messages:burn", json={}), 404, "NOT_FOUND")


# --- too large -----------------------------------------------------------------------------------------------------


def test_too_much_is_refused(product: Product, raw: httpx.Client, topic: str, group: str) -> None:
    before = count(product, topic)
    body = {"body": "x" * (4 * 1024 * 1024 + 1)}
    problem(raw.post(f"/topics/{topic}/messages", json=body), 413, "MESSAGE_TOO_LARGE")
    large = b'{"body": "' + b"x" * (6 * 1024 * 1024) + b'"}'
    problem(raw.post(f"/topics/{topic}/messages", content=large), 413, "REQUEST_TOO_LARGE")
    problem(raw.post(f"/groups/{group}/messages:ack", content=b" " * (1024 * 1024 + 1)), 413, "REQUEST_TOO_LARGE")
    assert count(product, topic) == before


@pytest.mark.parametrize("announced", ["length", "chunked"])
def test_too_much_is_refused_before_it_is_all_sent(product: Product, topic: str, announced: str) -> None:
    token = base64.b64encode(":".join(product.key).encode()).decode()
    framing = "Content-Length: 100000000000" if announced == "length" else "Transfer-Encoding: chunked"
    head = (
        f"POST {product.base}/topics/{topic}/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {token}\r\n"
        f"Content-Type: application/json\r\n{framing}\r\n\r\n"
    )
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", product.server.ports["MQ_HTTP_PORT"]), timeout=120) as connection:
        connection.sendall(head.encode())
        sent = 0
        while announced == "chunked" and not select.select([connection], [], [], 0)[0] and sent < 40_000_000:
            connection.sendall(chunk)
            sent += len(chunk)
        answer = b""
        while b"REQUEST_TOO_LARGE" not in answer and (part := connection.recv(65536)):
            answer += part
    assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
    assert sent < 40_000_000


# --- who ------------------------------------------------------------------------------------------------------------


def test_nobody_and_somebody_else_are_asked_who_they_are(product: Product, topic: str) -> None:
    url = f"{product.server.url}{product.base}/topics/{topic}/messages"
    before = count(product, topic)
    for authorization in (
        None,
        "Basic !!!",
        "Basic " + base64.b64encode(b"nobody:wrong").decode(),
        "Digest x",
        "Basic",
    ):
        headers = {} if authorization is None else {"authorization": authorization}
        answer = httpx.post(url, json={"body": "a"}, headers=headers, trust_env=False, timeout=120)
        problem(answer, 401, "UNAUTHENTICATED")
        assert "Basic" in answer.headers["www-authenticate"]
    wrong = httpx.post(url, json={"body": "a"}, auth=(product.key[0], "wrong"), trust_env=False, timeout=120)
    problem(wrong, 401, "UNAUTHENTICATED")
    assert count(product, topic) == before


def test_a_disabled_key_is_refused_within_two_seconds(product: Product, topic: str) -> None:
    made = product.client.post("/api/v1/access-keys", json={"remark": "for a test"})
    assert made.status_code == 201, made.text
    key = made.json()["id"]
    address = f"/api/v1/access-keys/{key}"
    url = f"{product.server.url}{product.base}/topics/{topic}/messages"
    try:
        with httpx.Client(auth=(key, made.json()["secret"]), trust_env=False, timeout=120) as client:
            assert client.post(url, json={"body": "a"}).status_code == 201
            product.client.patch(address, json={"enabled": False}).raise_for_status()
            with tempo.watch() as watch:
                wait_until(
                    lambda: client.post(url, json={"body": "a"}).status_code == 401, what="the key to be refused"
                )
                assert watch.seconds() <= 2
            problem(client.post(url, json={"body": "a"}), 401, "ACCESS_KEY_DISABLED")
    finally:
        product.client.delete(address)


def signed(product: Product, path: str, body: bytes, *, shift: int = 0) -> dict[str, str]:
    """Returns the headers of a signed POST, written after the documentation alone."""
    key, secret = product.key
    stamp, nonce = str(int(time.time()) + shift), secrets.token_hex(16)
    lines = ["MQ1-HMAC-SHA256", "POST", path, "", f"x-mq-nonce:{nonce}", f"x-mq-timestamp:{stamp}"]
    text = "\n".join([*lines, hashlib.sha256(body).hexdigest()]) + "\n"
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {
        "authorization": f"MQ1-HMAC-SHA256 Credential={key}, SignedHeaders=x-mq-nonce;x-mq-timestamp,"
        f" Signature={signature}",
        "x-mq-nonce": nonce,
        "x-mq-timestamp": stamp,
        "content-type": "application/json",
    }


def test_signatures_of_another_time_another_body_or_a_second_time_are_refused(product: Product, topic: str) -> None:
    path = f"{product.base}/topics/{topic}/messages"
    body = json.dumps({"body": "a"}).encode()
    before = count(product, topic)

    def post(headers: dict[str, str], content: bytes = body) -> httpx.Response:
        return httpx.post(f"{product.server.url}{path}", content=content, headers=headers, trust_env=False, timeout=120)

    for shift in (-400, 400):
        document = problem(post(signed(product, path, body, shift=shift)), 401, "SIGNATURE_EXPIRED")
        assert abs(document["server_time"] - time.time()) < 60
    problem(post(signed(product, path, body), body + b" "), 401, "SIGNATURE_MISMATCH")
    good = signed(product, path, body)
    assert post(good).status_code == 201
    problem(post(good), 401, "SIGNATURE_REPLAYED")
    assert count(product, topic) == before + 1
