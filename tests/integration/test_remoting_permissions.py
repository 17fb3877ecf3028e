"""The remoting door asks the same policies: a sub-account's key reaches what was granted and sees nothing else."""

import httpx

from accounts import remoting_signature
from brokers.protocols.remoting.codes import Ask, Reply
from tests.integration.test_remoting_door import connected
from tests.stack import Running, wait_until

ROOT = "/api/v1/instances/default"


BODY = b"hello"


def signed(key: dict[str, str], *, body: bytes = b"", **fields: str) -> dict[str, str]:
    fields = {**fields, "AccessKey": key["id"]}
    return {**fields, "Signature": remoting_signature.sign(key["secret"].encode(), fields, body)}


def test_sub_account_reaches_the_topic_it_was_granted_alone(server: Running) -> None:
    given = server.credentials
    auth = (given["access_key_id"], given["access_key_secret"])
    with httpx.Client(base_url=server.url, auth=auth, timeout=120) as owner:
        for topic in ("rem-a", "rem-b"):
            assert owner.post(f"{ROOT}/topics", json={"name": topic}).status_code in {201, 409}
        assert owner.post("/api/v1/users", json={"name": "rem"}).status_code == 201
        key = owner.post("/api/v1/users/rem/access-keys", json={}).json()

        def code(ask: Ask, topic: str) -> int:
            with connected(server) as client:
                return client.ask(ask, b"", **signed(key, topic=topic, queueId="0")).code

        for topic in ("rem-a", "no-such-topic"):
            assert code(Ask.GET_MAX_OFFSET, topic) == Reply.NO_PERMISSION
            assert code(Ask.GET_ROUTEINFO_BY_TOPIC, topic) == Reply.NO_PERMISSION
        grant = {"name": "rem-a", "right": "SUB", "user": "rem"}
        assert owner.post(f"{ROOT}/grants", json=grant).status_code == 200
        wait_until(lambda: code(Ask.GET_MAX_OFFSET, "rem-a") == Reply.SUCCESS, what="the grant")
        assert code(Ask.GET_ROUTEINFO_BY_TOPIC, "rem-a") == Reply.SUCCESS
        assert code(Ask.GET_MAX_OFFSET, "rem-b") == Reply.NO_PERMISSION
        assert owner.post("/api/v1/policies/grants-user-rem:detach", json={"user": "rem"}).status_code == 204
        wait_until(lambda: code(Ask.GET_MAX_OFFSET, "rem-a") == Reply.NO_PERMISSION, what="the revocation")


def test_a_connection_that_may_send_is_asked_again_with_each_send(server: Running) -> None:
    """Sends of a connection that is known are begun without waiting: what they may is looked up all the same."""
    given = server.credentials
    auth = (given["access_key_id"], given["access_key_secret"])
    with httpx.Client(base_url=server.url, auth=auth, timeout=120) as owner, connected(server) as client:
        for topic in ("sent-a", "sent-b"):
            assert owner.post(f"{ROOT}/topics", json={"name": topic}).status_code in {201, 409}
        assert owner.post("/api/v1/users", json={"name": "sender"}).status_code == 201
        key = owner.post("/api/v1/users/sender/access-keys", json={}).json()
        grant = {"name": "sent-a", "right": "PUB", "user": "sender"}
        assert owner.post(f"{ROOT}/grants", json=grant).status_code == 200

        def code(topic: str, whose: dict[str, str] = key) -> int:
            return client.ask(Ask.SEND_MESSAGE_V2, BODY, **signed(whose, body=BODY, b=topic, e="0")).code

        wait_until(lambda: code("sent-a") == Reply.SUCCESS, what="the grant")
        root = {"id": auth[0], "secret": auth[1]}
        for _ in range(3):
            # The server knows the connection, both topics, the policies and the key by now.
            assert code("sent-b", root) == Reply.SUCCESS
            assert code("sent-a") == Reply.SUCCESS
            assert code("sent-b") == Reply.NO_PERMISSION
        assert code("sent-a", {**key, "secret": "not the secret"}) == Reply.NO_PERMISSION
        assert owner.post("/api/v1/policies/grants-user-sender:detach", json={"user": "sender"}).status_code == 204
        wait_until(lambda: code("sent-a") == Reply.NO_PERMISSION, what="the revocation")
        assert code("sent-a", root) == Reply.SUCCESS
