"""One of everything the console shows, made through the HTTP API; and the addresses of the pages that show it.

A server may be asked twice: what is there already stays. The pictures and the tests of every page walk these addresses.
"""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

PASSWORD = "seven quiet lighthouses"
LONG_NAME = "orders-of-the-northern-region-that-were-paid-by-instalments-2026"
# May look at one instance; whoever has it meets pages with most buttons away.
POLICY = {
    "Version": "1",
    "Statement": [
        {"Effect": "Allow", "Action": ["mq:Query*", "mq:List*"], "Resource": "acs:mq:*:*:*"},
        {"Effect": "Deny", "Action": "mq:QueryMessage", "Resource": "acs:mq:*:*:default%shown"},
    ],
}


@dataclass(frozen=True, slots=True)
class Client:
    """A program with the root user's access key. What exists already is no failure."""

    url: str
    given: Mapping[str, Any]

    def call(self, method: str, path: str, **body: Any) -> Any:
        key = base64.b64encode(f"{self.given['access_key_id']}:{self.given['access_key_secret']}".encode()).decode()
        headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if method != "GET" else None
        asked = urllib.request.Request(f"{self.url}/api/v1{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(asked) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as problem:
            told = json.loads(problem.read())
            assert told["code"] == "ALREADY_EXISTS", f"{method} {path}: {told}"
            return told


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its name, and its address below the server's."""

    label: str
    path: str


def make(url: str, given: Mapping[str, Any]) -> list[Page]:
    """Makes what is missing and returns the pages a root user sees. `ann` can sign in with `PASSWORD` afterwards."""
    client = Client(url, given)
    api = f"/instances/{given['instance']}"
    home = f"/i/{given['instance']}"

    def post(path: str, **body: Any) -> Any:
        return client.call("POST", api + path, **body)

    client.call("POST", "/instances", name="bare", remark="nothing in it yet")
    post("/topics", name="shown", queues=2, remark="what the exhibits are sent to")
    post("/topics", name="steps", type="FIFO", queues=2)
    post("/topics", name=LONG_NAME, queues=1, remark="a remark " * 20)
    post("/topics", name="alarms", type="DELAY", queues=1)
    post("/topics", name="deals", type="TRANSACTION", queues=2)
    post("/groups", name="eyes", max_attempts=1)
    post("/groups", name="feet", order="FIFO", max_attempts=3, paused=True)
    message, letter = _dead_letter(post, client, api)
    waiting, operation = _half_messages(post), _redrive(post, letter)
    answered = _requests(post)
    later = post("/topics/alarms/messages", body="not before tomorrow", delay_seconds=86_400)["message_id"]
    _people(client, given)
    found = [
        Page("topic", f"{home}/topics/shown"),
        Page("topic-groups", f"{home}/topics/shown/groups"),
        Page("topic-requests", f"{home}/topics/shown/requests"),
        Page("topic-code", f"{home}/topics/shown/code"),
        Page("topic-access", f"{home}/topics/shown/access"),
        Page("topic-edit", f"{home}/topics/shown/edit"),
        Page("group", f"{home}/groups/eyes"),
        Page("group-paused", f"{home}/groups/feet"),
        Page("group-settings", f"{home}/groups/eyes/settings"),
        Page("group-code", f"{home}/groups/eyes/code"),
        Page("group-access", f"{home}/groups/eyes/access"),
        Page("group-edit", f"{home}/groups/eyes/edit"),
        Page("group-reset", f"{home}/groups/eyes/reset"),
        Page("client-gone", f"{home}/groups/eyes/client?id=nobody"),
        Page("dead-letters-of-a-group", f"{home}/groups/eyes/dead-letters"),
        Page("dead-letter", f"{home}/groups/eyes/dead-letters/{letter}"),
        Page("dead-letters-none", f"{home}/groups/feet/dead-letters"),
        Page("messages-found", f"{home}/messages?topic=shown"),
        Page("messages-none", f"{home}/messages?topic=shown&key=nothing-has-it"),
        Page("message", f"{home}/messages/{message}"),
        Page("message-later", f"{home}/messages/{later}"),
        Page("message-missing", f"{home}/messages/019E2C5A7F3B7C41B0D5A1C2E3F40516"),
        Page("request", f"{home}/requests/{answered}"),
        Page("request-new", f"{home}/ask?topic=shown"),
        Page("transaction", f"{home}/transactions/{waiting}"),
        Page("producer-group", f"{home}/producer-groups/dealers"),
        Page("operation", f"{home}/operations/{operation}"),
    ]
    return [*_lists(home), *_empty(), *found, *_account()]


def _lists(home: str) -> list[Page]:
    names = (
        "topics new-topic groups new-group messages dead-letters operations transactions transactions/discarded"
        " transactions/decided producer-groups requests send"
    ).split()
    pages = [Page(name.replace("/", "-"), f"{home}/{name}") for name in names]
    return [Page("overview", "/"), *pages, Page("find", f"{home}/find?q=e")]


def _empty() -> list[Page]:
    names = "topics groups messages dead-letters operations transactions producer-groups requests send".split()
    return [Page("empty-overview", "/i/bare"), *(Page(f"empty-{name}", f"/i/bare/{name}") for name in names)]


def _account() -> list[Page]:
    names = (
        "keys security security/app security/passkey sessions confirm users users/ann users/root user-groups"
        " user-groups/auditors policies policies/onlookers policies/FullAccess new-policy simulator unused-rights roles"
        " roles/helper act-in-a-role limits limits/account audit instances/new no-such-page"
    ).split()
    tried = "/simulator?user=ann&action=mq%3AQueryMessage&resource=acs%3Amq%3A*%3A*%3Adefault%25shown"
    return [*(Page(name.replace("/", "-"), f"/{name}") for name in names), Page("simulator-tried", tried)]


def _dead_letter(post: Callable[..., Any], client: Client, api: str) -> tuple[str, int]:
    """Returns the id of a message that died in the group `eyes`, and the number of its dead letter."""
    for number in range(3):
        body = json.dumps({"order": 1000 + number, "lines": [{"sku": "AB-7", "count": 2}]})
        post("/topics/shown/messages", body=body, tag="new", keys=[f"order-{number}"], properties={"shop": "north"})
    asked = {"topics": ["shown"], "max": 2, "wait_seconds": 10, "client_id": "eyes-1"}
    got = post("/groups/eyes/messages:receive", **asked)["messages"]
    post("/groups/eyes/messages:nack", receipts=[m["receipt"] for m in got], error="dazzled: too much light at once")
    [letter, *_] = client.call("GET", f"{api}/groups/eyes/dead-letters?state=DEAD")["items"]
    return letter["message_id"], letter["id"]


def _half_messages(post: Callable[..., Any]) -> str:
    """Returns the id of a transaction that waits; others are committed and rolled back."""
    half = [
        post("/topics/deals/messages:half", body=f"deal {number}", producer_group="dealers", keys=[f"deal-{number}"])
        for number in range(3)
    ]
    post(f"/transactions/{half[0]['transaction_id']}:commit")
    post(f"/transactions/{half[1]['transaction_id']}:rollback")
    return str(half[2]["transaction_id"])


def _redrive(post: Callable[..., Any], letter: int) -> int:
    return int(post("/groups/eyes/dead-letters:redrive", ids=[letter])["id"])


def _requests(post: Callable[..., Any]) -> str:
    """Returns the id of a request with an answer; the same topic has one nobody answers."""
    listen = {"topics": ["shown"], "max": 32, "client_id": "eyes-1"}
    post("/groups/eyes/messages:receive", **listen, wait_seconds=0)
    asked = post("/topics/shown/messages:request", body="how many?", **{"async": True}, timeout_seconds=300)
    for _ in range(20):
        for got in post("/groups/eyes/messages:receive", **listen, wait_seconds=5)["messages"]:
            post("/groups/eyes/messages:ack", receipts=[got["receipt"]])
            if "reply_to" in got:
                post(f"/requests/{asked['correlation_id']}:reply", reply_to=got["reply_to"], body='{"count": 4000}')
                return str(asked["correlation_id"])
    raise AssertionError("the request did not come")


def _people(client: Client, given: Mapping[str, Any]) -> None:
    client.call("POST", "/users", name="ann", password=PASSWORD)
    client.call("POST", "/users", name="eve", password=PASSWORD)
    client.call("POST", "/user-groups", name="auditors", remark="look, and touch nothing")
    client.call("POST", "/user-groups/auditors/members", user="ann")
    client.call("POST", "/policies", name="onlookers", document=POLICY, remark="everything but what was shown")
    client.call("POST", "/roles", name="helper", max_seconds=3600, remark="support on call")
    client.call("POST", "/roles/helper:trust", login=f"ann@{given['account']}")
    for target in ({"group": "auditors"}, {"role": "helper"}):
        client.call("POST", "/policies/onlookers:attach", **target)
