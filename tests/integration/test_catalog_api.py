"""The management API for instances, topics, groups and keys, by three people."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import credentials, key_cache
from accounts.models import AuditEntry
from brokers.catalog import actions, snapshot
from brokers.models import CatalogVersion, Group, IdempotentResponse, Queue, Topic
from tests.integration.three_people import People, call

T = "/instances/shop/topics"
G = "/instances/shop/groups"


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.headers["Content-Type"] == "application/problem+json", response.content
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code), problem
    assert problem["request_id"] == response.headers["X-Request-Id"]
    assert problem["detail"]
    assert problem["title"]
    return dict(problem)


def test_an_owner_makes_changes_and_deletes_a_topic(people: People) -> None:
    owner = people.owner
    made = owner.call("POST", T, {"name": "orders", "type": "FIFO", "queues": 4, "remark": "what is sold"})
    assert made.status_code == 201, made.content
    assert made.headers["Location"] == "/api/v1/instances/shop/topics/orders"
    assert made.json() | {"created_at": "", "updated_at": ""} == {
        "name": "orders", "type": "FIFO", "kind": "USER", "queues": 4, "remark": "what is sold", "group": None,
        "created_at": "", "updated_at": "",
    }  # fmt: skip
    assert [q.number for q in Queue.objects.filter(topic__name="orders").order_by("number")] == [0, 1, 2, 3]
    changed = owner.call("PATCH", f"{T}/orders", {"queues": 6, "remark": ""})
    assert (changed.json()["queues"], changed.json()["remark"]) == (6, "")
    assert Queue.objects.filter(topic__name="orders").count() == 6
    assert owner.call("GET", f"{T}/orders").json()["queues"] == 6
    assert owner.call("DELETE", f"{T}/orders").status_code == 204
    refused(owner.call("GET", f"{T}/orders"), 404, "TOPIC_NOT_FOUND")
    trail = AuditEntry.objects.filter(resource__endswith="%orders").order_by("pk").values_list("action", flat=True)
    assert list(trail) == ["mq:CreateTopic", "mq:UpdateTopic", "mq:DeleteTopic"]


def test_a_group_comes_with_its_two_topics_and_goes_with_them(people: People) -> None:
    owner = people.owner
    made = owner.call("POST", G, {"name": "mail", "max_attempts": 3, "backoff_seconds": [1, 5]})
    assert made.status_code == 201, made.content
    group = made.json()
    assert (group["retry_topic"], group["dead_letter_topic"]) == ("%RETRY%mail", "%DLQ%mail")
    assert (group["order"], group["invisible_seconds"], group["paused"]) == ("CONCURRENT", 30, False)
    kinds = Topic.objects.filter(group__name="mail").order_by("name").values_list("name", "kind", "queue_count")
    assert list(kinds) == [("%DLQ%mail", "DEAD_LETTER", 1), ("%RETRY%mail", "RETRY", 1)]
    assert owner.call("GET", f"{T}/%25RETRY%25mail").json()["group"] == "mail"
    assert owner.call("GET", f"{T}?kind=RETRY").json()["items"][0]["name"] == "%RETRY%mail"
    assert owner.call("GET", T).json()["items"] == []
    refused(owner.call("DELETE", f"{T}/%25RETRY%25mail"), 409, "CONFLICT")
    assert owner.call("PATCH", f"{G}/mail", {"paused": True}).json()["paused"] is True
    refused(owner.call("PATCH", f"{G}/mail", {"order": "FIFO"}), 400, "INVALID_REQUEST")
    assert owner.call("DELETE", f"{G}/mail").status_code == 204
    assert not Topic.objects.filter(name__endswith="mail").exists()


def test_instances_are_made_listed_and_deleted_when_empty(people: People) -> None:
    owner = people.owner
    assert owner.call("POST", "/instances", {"name": "lab"}).status_code == 201
    assert [i["name"] for i in owner.call("GET", "/instances").json()["items"]] == ["lab", "shop"]
    assert owner.call("PATCH", "/instances/lab", {"remark": "x"}).json()["remark"] == "x"
    actions.create_topic(owner.actor, people.instance, name="t")
    refused(owner.call("DELETE", "/instances/shop"), 409, "CONFLICT")
    assert owner.call("DELETE", "/instances/lab").status_code == 204
    refused(owner.call("POST", "/instances", {"name": "shop"}), 409, "ALREADY_EXISTS")
    # The stranger has one of this name; nobody else may learn that.
    assert owner.call("POST", "/instances", {"name": "elsewhere"}).status_code == 201


REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/instances/shop", None),
    ("PATCH", "/instances/shop", {"remark": "x"}),
    ("DELETE", "/instances/shop", None),
    ("GET", T, None),
    ("POST", T, {"name": "new"}),
    ("GET", f"{T}/t", None),
    ("PATCH", f"{T}/t", {"remark": "x"}),
    ("DELETE", f"{T}/t", None),
    ("GET", G, None),
    ("POST", G, {"name": "new"}),
    ("GET", f"{G}/g", None),
    ("PATCH", f"{G}/g", {"remark": "x"}),
    ("DELETE", f"{G}/g", None),
]


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
def test_a_stranger_sees_nothing_and_a_member_may_do_nothing_yet(
    people: People, method: str, path: str, body: Any
) -> None:
    actions.create_topic(people.owner.actor, people.instance, name="t")
    actions.create_group(people.owner.actor, people.instance, name="g")
    foreign = refused(people.stranger.call(method, path, body), 404, "INSTANCE_NOT_FOUND")
    missing = people.stranger.call(method, path.replace("shop", "nowhere"), body).json()
    assert foreign["detail"].replace("shop", "nowhere") == missing["detail"]
    denied = refused(people.member.call(method, path, body), 403, "ACCESS_DENIED")
    assert denied["action"].startswith("mq:")
    assert denied["resource"].startswith(f"acs:mq:*:{people.owner.user.account_id}:shop")
    assert denied["reason"]
    refused(call(method, path, body), 401, "UNAUTHENTICATED")
    assert Topic.objects.filter(kind="USER").count() == 1
    assert Group.objects.get().remark == ""


def test_a_member_cannot_tell_what_exists(people: People) -> None:
    actions.create_topic(people.owner.actor, people.instance, name="t")
    for path in (f"{T}/t", f"{T}/none", "/instances/none/topics/t"):
        refused(people.member.call("GET", path), 403, "ACCESS_DENIED")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (T, {}, "INVALID_REQUEST"),
        (T, {"name": 5}, "INVALID_REQUEST"),
        (T, {"name": "a b"}, "INVALID_NAME"),
        (T, {"name": ""}, "INVALID_NAME"),
        (T, {"name": "../x"}, "INVALID_NAME"),
        (T, {"name": "%RETRY%x"}, "INVALID_NAME"),
        (T, {"name": "TBW102"}, "INVALID_NAME"),
        (T, {"name": "x" * 128}, "INVALID_REQUEST"),
        (T, {"name": "x", "queues": 0}, "INVALID_REQUEST"),
        (T, {"name": "x", "queues": 129}, "INVALID_REQUEST"),
        (T, {"name": "x", "queues": "8"}, "INVALID_REQUEST"),
        (T, {"name": "x", "queues": True}, "INVALID_REQUEST"),
        (T, {"name": "x", "queues": 10**30}, "INVALID_REQUEST"),
        (T, {"name": "x", "type": "fifo"}, "INVALID_REQUEST"),
        (T, {"name": "x", "kind": "RETRY"}, "INVALID_REQUEST"),
        (T, {"name": "x", "remark": "x" * 501}, "INVALID_REQUEST"),
        (T, {"name": "x", "remark": "\0"}, "INVALID_REQUEST"),
        (T, {"name": "x", "remark": None}, "INVALID_REQUEST"),
        (T, b"{", "INVALID_JSON"),
        (T, b"[]", "INVALID_JSON"),
        (T, b'"\xff"', "INVALID_JSON"),
        (T, b"[" * 100_000, "INVALID_JSON"),
        (G, {"name": "x", "max_attempts": 0}, "INVALID_REQUEST"),
        (G, {"name": "x", "max_attempts": 1001}, "INVALID_REQUEST"),
        (G, {"name": "x", "invisible_seconds": 0}, "INVALID_REQUEST"),
        (G, {"name": "x", "backoff_seconds": [-1]}, "INVALID_REQUEST"),
        (G, {"name": "x", "backoff_seconds": [1] * 101}, "INVALID_REQUEST"),
        (G, {"name": "x", "backoff_seconds": 5}, "INVALID_REQUEST"),
        (G, {"name": "x", "paused": "yes"}, "INVALID_REQUEST"),
        (G, {"name": "DEFAULT_CONSUMER"}, "INVALID_NAME"),
        ("/instances", {"name": "Shop"}, "INVALID_NAME"),
    ],
)
def test_bad_input_is_told_and_changes_nothing(people: People, path: str, body: Any, code: str) -> None:
    before = CatalogVersion.objects.get().number
    refused(people.owner.call("POST", path, body), 400, code)
    assert CatalogVersion.objects.get().number == before


def test_queues_are_never_taken_away(people: People) -> None:
    actions.create_topic(people.owner.actor, people.instance, name="t", queue_count=4)
    refused(people.owner.call("PATCH", f"{T}/t", {"queues": 3}), 409, "CONFLICT")


def test_a_taken_name_is_refused_and_the_hot_path_learns_of_changes(people: People) -> None:
    assert people.owner.call("POST", T, {"name": "t"}).status_code == 201
    refused(people.owner.call("POST", T, {"name": "t"}), 409, "ALREADY_EXISTS")
    account_id = people.owner.user.account_id
    assert len(snapshot.topic(account_id, "shop", "t").queue_ids) == 8
    people.owner.call("PATCH", f"{T}/t", {"queues": 9})
    assert len(snapshot.topic(account_id, "shop", "t").queue_ids) == 9


def test_lists_go_page_by_page_and_cost_the_same_at_any_length(people: People) -> None:
    for number in range(12):
        actions.create_topic(people.owner.actor, people.instance, name=f"t{number:02}", queue_count=1)
        actions.create_group(people.owner.actor, people.instance, name=f"g{number:02}")
    people.owner.call("GET", T)
    for path, first in ((T, "t00"), (G, "g00"), (f"{T}?kind=RETRY", "%RETRY%g00")):
        join = "&" if "?" in path else "?"
        names: list[str] = []
        cursor = ""
        while True:
            body = people.owner.call("GET", f"{path}{join}limit=5{cursor}").json()
            assert body["complete"] is True
            names += [item["name"] for item in body["items"]]
            if body["next"] is None:
                break
            cursor = "&cursor=" + body["next"].replace("%", "%25")
        assert (names[0], len(names), names) == (first, 12, sorted(names))
        counts = []
        for limit in (1, 12):
            with CaptureQueriesContext(connection) as queries:
                people.owner.call("GET", f"{path}{join}limit={limit}")
            counts.append(len(queries.captured_queries))
        assert counts[0] == counts[1] <= 3, queries.captured_queries
    found = people.owner.call("GET", f"{T}?search=T1").json()["items"]
    assert [item["name"] for item in found] == ["t10", "t11"]


@pytest.mark.parametrize(
    "field", ["limit=0", "limit=501", "limit=x", "limit=1&limit=2", "topik=x", "cursor=%00", "kind=ALL"]
)
def test_a_wrong_query_field_is_refused(people: People, field: str) -> None:
    refused(people.owner.call("GET", f"{T}?{field}"), 400, "INVALID_REQUEST")


def test_a_repeated_post_with_an_idempotency_key_is_done_once(people: People) -> None:
    body = {"name": "t"}
    first = people.owner.call("POST", T, body, Idempotency_Key="k1")
    second = people.owner.call("POST", T, body, Idempotency_Key="k1")
    assert (first.status_code, second.status_code, first.json()) == (201, 201, second.json())
    assert second.headers["Idempotency-Replayed"] == "true"
    refused(people.owner.call("POST", T, {"name": "u"}, Idempotency_Key="k1"), 422, "IDEMPOTENCY_KEY_REUSED")
    refused(people.owner.call("POST", G, body, Idempotency_Key="k1"), 422, "IDEMPOTENCY_KEY_REUSED")
    refused(people.owner.call("POST", T, body, Idempotency_Key="x" * 201), 400, "INVALID_REQUEST")
    assert people.stranger.call("POST", "/instances", {"name": "k"}, Idempotency_Key="k1").status_code == 201


def test_what_failed_may_be_tried_again_with_the_same_key(people: People) -> None:
    refused(people.owner.call("POST", T, {"name": "a b"}, Idempotency_Key="k1"), 400, "INVALID_NAME")
    assert not IdempotentResponse.objects.exists()
    assert people.owner.call("POST", T, {"name": "ab"}, Idempotency_Key="k1").status_code == 201


def test_a_key_is_made_used_switched_off_and_deleted(people: People) -> None:
    for person in (people.owner, people.member):  # one's own keys need no policy
        made = person.call("POST", "/access-keys", {"remark": "ci"}, Idempotency_Key="k")
        key = made.json()
        assert made.status_code == 201, key
        again = person.call("POST", "/access-keys", {"remark": "ci"}, Idempotency_Key="k")
        if person is people.owner:
            assert again.json() == key | {"secret": None}
            assert key["secret"] not in IdempotentResponse.objects.get().body
        else:
            refused(again, 422, "IDEMPOTENCY_KEY_REUSED") if again.status_code == 422 else None
        listed = person.call("GET", "/access-keys").json()["items"]
        assert [item["id"] for item in listed] == [person.key.key_id, key["id"]]
        assert all("secret" not in item for item in listed)
        refused(person.call("POST", "/access-keys", {}), 409, "CONFLICT")
        assert person.call("PATCH", f"/access-keys/{key['id']}", {"enabled": False}).json()["enabled"] is False
        for other in (people.stranger, people.member if person is people.owner else people.owner):
            refused(other.call("GET", f"/access-keys/{key['id']}"), 404, "NOT_FOUND")
            refused(other.call("DELETE", f"/access-keys/{key['id']}"), 404, "NOT_FOUND")
        assert person.call("DELETE", f"/access-keys/{key['id']}").status_code == 204
        IdempotentResponse.objects.all().delete()


def test_whoami_tells_how_one_came_in(people: People) -> None:
    assert people.member.call("GET", "/whoami").json() == {
        "account": "acme", "user": "mia", "login": "mia@acme", "is_root": False,
        "signed_in_by": "access_key", "access_key_id": people.member.key.key_id,
    }  # fmt: skip
    client = Client()
    client.force_login(people.owner.user)
    assert client.get("/api/v1/whoami").json()["signed_in_by"] == "session"


def test_a_session_must_bring_its_csrf_token(people: People) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.owner.user)
    response = client.post("/api/v1" + T, {"name": "t"}, content_type="application/json")
    refused(response, 403, "ACCESS_DENIED")
    assert not Topic.objects.exists()
    token = "x" * 32
    client.cookies["csrftoken"] = token
    response = client.post(
        "/api/v1" + T, {"name": "t"}, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert response.status_code == 201, response.content


def test_errors_of_the_framework_are_problems_too(people: People) -> None:
    owner = people.owner
    refused(owner.call("GET", "/nothing"), 404, "NOT_FOUND")
    refused(call("GET", "/nothing/"), 404, "NOT_FOUND")
    refused(call("GET", "/../v2"), 404, "NOT_FOUND")
    response = owner.call("PUT", T)
    refused(response, 405, "METHOD_NOT_ALLOWED")
    assert response.headers["Allow"] == "GET, HEAD, POST"
    refused(owner.call("OPTIONS", T), 405, "METHOD_NOT_ALLOWED")
    for path in (f"{T}/t/messages:batch", f"{G}/g/messages:ack"):
        response = call("GET", path)
        refused(response, 405, "METHOD_NOT_ALLOWED")
        assert response.headers["Allow"] == "POST"
    form = owner.call("POST", T, b"name=t", Content_Type="application/x-www-form-urlencoded")
    refused(form, 415, "UNSUPPORTED_MEDIA_TYPE")
    refused(owner.call("POST", T, b" " * (1024 * 1024 + 1)), 413, "REQUEST_TOO_LARGE")
    refused(owner.call("GET", T, Host="evil.example"), 400, "INVALID_REQUEST")
    response = call("GET", T)
    refused(response, 401, "UNAUTHENTICATED")
    assert response.headers["WWW-Authenticate"].startswith("Basic ")
    assert call("GET", T, Sec_Fetch_Mode="cors").headers["WWW-Authenticate"] == "MQ1-HMAC-SHA256"


def test_a_crash_is_a_problem_without_details(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "check", lambda *_a, **_k: 1 / 0)
    client = Client(raise_request_exception=False)
    response = client.get("/api/v1/whoami", headers={"Authorization": people.owner.basic})
    assert "division" not in refused(response, 500, "INTERNAL")["detail"]


def test_the_request_id_of_the_client_is_kept_when_it_is_proper(people: People) -> None:
    assert people.owner.call("GET", T, X_Request_Id="abc-1").headers["X-Request-Id"] == "abc-1"
    assert people.owner.call("GET", T, X_Request_Id="a b").headers["X-Request-Id"] != "a b"


def test_a_signed_request_reaches_management(people: People) -> None:
    import secrets
    import time
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "http-signature.md").read_text()
    program: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], program)
    body = b'{"name":"t"}'
    sent = program["signed_headers"](
        people.owner.key.key_id,
        people.owner.secret,
        method="POST",
        path="/api/v1" + T,
        body=body,
        headers={"content-type": "application/json", "x-mq-timestamp": str(int(time.time())),
                 "x-mq-nonce": secrets.token_urlsafe(18)},
    )  # fmt: skip
    headers = {name: value for name, value in sent.items() if name != "content-type"}
    response = Client().generic("POST", "/api/v1" + T, body, "application/json", headers=headers)
    assert response.status_code == 201, response.content
    refused(
        Client().generic("POST", "/api/v1" + T, body, "application/json", headers=headers), 401, "SIGNATURE_REPLAYED"
    )


def test_a_key_that_was_disabled_is_refused_by_management(people: People) -> None:
    people.owner.call("PATCH", f"/access-keys/{people.owner.key.key_id}", {"enabled": False})
    refused(people.owner.call("GET", T), 401, "ACCESS_KEY_DISABLED")
    key_cache.forget()
