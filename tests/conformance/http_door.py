"""The HTTP door, spoken to with a plain HTTP client and nothing of ours."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from tests.conformance.door import EVERYTHING, Checked, Decided, Delivered, Message, Refused, Sent, Unanswered

# Answers that do not say whether the work was done.
UNKNOWN_STATUSES = {500, 502, 504}


@dataclass(frozen=True, slots=True)
class HttpDoor:
    """HTTP with an access key. `client` knows the address and the credentials."""

    client: httpx.Client
    instance: str
    abilities: frozenset[str] = EVERYTHING

    @classmethod
    def open(cls, url: str, instance: str, *, key: tuple[str, str]) -> "HttpDoor":
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
        return cls(httpx.Client(base_url=url, auth=key, timeout=60.0, limits=limits, trust_env=False), instance)

    def close(self) -> None:
        self.client.close()

    def send(self, topic: str, message: Message) -> Sent:
        return _sent(self.call(f"topics/{topic}/messages", _entry(message)))

    def send_batch(self, topic: str, messages: Sequence[Message]) -> list[Sent | Refused]:
        answer = self.call(f"topics/{topic}/messages:batch", {"messages": [_entry(message) for message in messages]})
        return [_sent(result) if result["ok"] else _refused(result) for result in answer["results"]]

    def receive(
        self,
        group: str,
        topics: Sequence[str | tuple[str, str]],
        *,
        count: int = 100,
        wait: float = 0,
        invisible: float | None = None,
        client_id: str = "",
    ) -> list[Delivered]:
        asked: dict[str, Any] = {
            "topics": [t if isinstance(t, str) else {"topic": t[0], "filter": t[1]} for t in topics],
            "max": count,
            "wait_seconds": wait,
        }
        if invisible is not None:
            asked["invisible_seconds"] = invisible
        if client_id:
            asked["client_id"] = client_id
        return [_delivered(entry) for entry in self.call(f"groups/{group}/messages:receive", asked)["messages"]]

    def ack(self, group: str, receipts: Sequence[str]) -> list[Refused | None]:
        return self._settle(f"groups/{group}/messages:ack", {"receipts": list(receipts)})

    def nack(
        self, group: str, receipts: Sequence[str], *, error: str = "", delay: float | None = None
    ) -> list[Refused | None]:
        asked: dict[str, Any] = {"receipts": list(receipts), "error": error}
        if delay is not None:
            asked["delay_seconds"] = delay
        return self._settle(f"groups/{group}/messages:nack", asked)

    def extend(self, group: str, receipts: Sequence[str], *, invisible: float) -> list[datetime | Refused]:
        asked = {"receipts": list(receipts), "invisible_seconds": invisible}
        results = self.call(f"groups/{group}/messages:extend", asked)["results"]
        return [
            datetime.fromisoformat(result["invisible_until"]) if result["ok"] else _refused(result)
            for result in results
        ]

    def prepare(self, topic: str, message: Message, *, group: str) -> str:
        answer = self.call(f"topics/{topic}/messages:half", {**_entry(message), "producer_group": group})
        return str(answer["transaction_id"])

    def decide(self, transaction: str, *, is_commit: bool) -> Decided:
        answer = self.call(f"transactions/{transaction}:{'commit' if is_commit else 'rollback'}", {})
        return Decided(answer["state"], answer["queue"], answer["offset"])

    def checks(self, topic: str, group: str, *, wait: float = 0) -> list[Checked]:
        found = self.call(f"producer-groups/{group}:checks", {"topics": [topic], "wait_seconds": wait})["checks"]
        return [Checked(one["transaction_id"], one["check"], one["body"].encode()) for one in found]

    def call(self, path: str, value: Any) -> Any:
        """Returns the answer to a POST below the instance. Raises Refused, Unanswered."""
        try:
            answer = self.client.post(f"/api/v1/instances/{self.instance}/{path}", json=value)
        except httpx.TransportError as error:
            raise Unanswered(repr(error)) from error
        if answer.status_code in UNKNOWN_STATUSES:
            raise Unanswered(answer.text)
        if answer.status_code >= 400:
            raise _refused(answer.json(), status=answer.status_code)
        return answer.json()

    def _settle(self, path: str, value: Any) -> list[Refused | None]:
        results = self.call(path, value)["results"]
        assert [result["receipt"] for result in results] == value["receipts"]
        return [None if result["ok"] else _refused(result) for result in results]


def _entry(message: Message) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "tag": message.tag,
        "keys": list(message.keys),
        "properties": dict(message.properties),
        "sharding_key": message.sharding_key,
        "dedup_id": message.dedup_id,
        "delay_seconds": None if message.delay is None else message.delay.total_seconds(),
        "deliver_at": None if message.deliver_at is None else message.deliver_at.isoformat(),
    }
    try:
        entry["body"] = message.body.decode()
    except UnicodeDecodeError:
        entry["body_base64"] = base64.b64encode(message.body).decode()
    return {name: value for name, value in entry.items() if value not in (None, [], {})}


def _sent(entry: dict[str, Any]) -> Sent:
    due = entry.get("deliver_at")
    return Sent(
        message_id=entry["message_id"],
        queue=entry["queue"],
        offset=entry["offset"],
        deliver_at=None if due is None else datetime.fromisoformat(due),
        is_duplicate=entry.get("duplicate", False),
    )


def _delivered(entry: dict[str, Any]) -> Delivered:
    assert ("body" in entry) != ("body_base64" in entry)
    return Delivered(
        message_id=entry["message_id"],
        topic=entry["topic"],
        queue=entry["queue"],
        offset=entry["offset"],
        body=entry["body"].encode() if "body" in entry else base64.b64decode(entry["body_base64"]),
        tag=entry["tag"],
        keys=tuple(entry["keys"]),
        properties=entry["properties"],
        attempt=entry["attempt"],
        receipt=entry["receipt"],
        invisible_until=datetime.fromisoformat(entry["invisible_until"]),
        stored_at=datetime.fromisoformat(entry["stored_at"]),
    )


def _refused(entry: dict[str, Any], *, status: int = 0) -> Refused:
    return Refused(entry["code"], entry["detail"], status=status)
