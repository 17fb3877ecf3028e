"""Signed requests through the whole ASGI application: the hot door and management judge them alike."""

import json
import secrets
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from brokers.catalog import actions
from brokers.dispatch import desk
from brokers.store import segments
from tests.integration.three_people import People, Person

PAGE = (Path(__file__).parents[2] / "docs" / "http-signature.md").read_text()
PROGRAM: dict[str, Any] = {}
exec(PAGE.partition("```python\n")[2].partition("```")[0], PROGRAM)  # the documented client


def signed(person: Person, method: str, path: str, *, body: bytes = b"", **headers: str) -> dict[str, str]:
    fresh = {"x-mq-timestamp": str(int(time.time())), "x-mq-nonce": secrets.token_urlsafe(18)}
    made: dict[str, str] = PROGRAM["signed_headers"](
        person.key.key_id,
        person.secret,
        method=method,
        path=path.partition("?")[0],
        query=path.partition("?")[2],
        body=body,
        headers=fresh | {name.replace("_", "-"): value for name, value in headers.items()},
    )
    return made


@pytest.fixture
def shop(people: People) -> People:
    segments.make_ahead()
    actions.create_topic(people.owner.actor, people.instance, name="or|ders")
    actions.create_group(people.owner.actor, people.instance, name="mail")
    return people


# The engine's threads end with the loop, and their connections with them.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_the_documented_client_reaches_both_doors(shop: People) -> None:
    from mqconsole.asgi import application

    people = shop
    body = json.dumps({"body": "héllo"}).encode()
    send = f"/api/v1/instances/shop/topics/{quote('or|ders')}/messages"
    show = f"/api/v1/instances/shop/topics/{quote('%RETRY%mail')}"
    find = f"/api/v1/instances/shop/messages?topic={quote('or|ders')}&limit=5&from=2026-01-01T00%3A00%3A00%2B00:00"
    transport = httpx.ASGITransport(app=application)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            headers = signed(people.owner, "POST", send, body=body, content_type="application/json")
            assert (await client.post(send, content=body, headers=headers)).status_code == 201
            replayed = await client.post(send, content=body, headers=headers)
            assert (replayed.status_code, replayed.json()["code"]) == (401, "SIGNATURE_REPLAYED")
            changed = signed(people.owner, "POST", send, body=body, content_type="application/json")
            refused = await client.post(send, content=body + b" ", headers=changed)
            assert (refused.status_code, refused.json()["code"]) == (401, "SIGNATURE_MISMATCH")
            assert (await client.get(show, headers=signed(people.owner, "GET", show))).json()["group"] == "mail"
            found = await client.get(find, headers=signed(people.owner, "GET", find))
            assert [hit["head"] for hit in found.json()["items"]] == ["héllo"]
            # A nonce used at one door is used at the other.
            shared = signed(people.owner, "GET", show)
            assert (await client.get(show, headers=shared)).status_code == 200
            assert (await client.get(show, headers=shared)).json()["code"] == "SIGNATURE_REPLAYED"
            foreign = await client.post(
                send, content=body, headers=signed(people.stranger, "POST", send, body=body, content_type="application/json")
            )
            assert (foreign.status_code, foreign.json()["code"]) == (404, "INSTANCE_NOT_FOUND")
    finally:
        await desk.close()


@pytest.mark.parametrize("missing", ["authorization", "x-mq-nonce", "x-mq-timestamp"])
async def test_a_signature_that_lost_a_part_makes_nobody_anonymous(people: People, missing: str) -> None:
    from mqconsole.asgi import application

    path = "/api/v1/whoami"
    headers = signed(people.owner, "GET", path)
    del headers[missing]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=application), base_url="http://localhost") as client:
        response = await client.get(path, headers=headers)
    assert response.status_code == 401
