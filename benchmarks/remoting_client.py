"""A lean load generator for the remoting door, run in a process of its own; it knows no more than the loads need.

`python -m benchmarks.remoting_client` reads a JSON plan on standard input and prints a JSON outcome.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

import uvloop

from .client import percentiles

_SEND, _SEND_BATCH, _PULL, _HEARTBEAT = 310, 320, 11, 34
_COMMITS, _MAY_WAIT, _SUBSCRIBES = 1, 2, 4
_LATE_SECONDS = 60
Plan = dict[str, Any]  # Any: JSON values


class Line(asyncio.Protocol):
    """One connection. Calls `answered` with the code and the frame of each answer."""

    def __init__(self, answered: "Callable[[Line, int, bytes], None]") -> None:
        self._answered = answered
        self._buffer = b""
        self.failure = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment] # asyncio passes one
        self.number = 0

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        start, end = 0, len(buffer)
        while end - start >= 4:
            after = start + 4 + int.from_bytes(buffer[start : start + 4])
            if after > end:
                break
            frame = buffer[start + 4 : after]
            start = after
            code, _, _, _, flag = struct.unpack_from(">hBhii", frame, 4)
            if flag & 1:  # else a notice of the server
                self._answered(self, code, frame)
        self._buffer = buffer[start:]

    def connection_lost(self, error: Exception | None) -> None:
        self.failure = self.failure or "the server hung up"


def frame(code: int, fields: dict[str, object], body: bytes = b"", *, opaque: int = 0, key: Any = None) -> bytes:
    """Returns a request in the binary encoding, signed when `key` is an access key's id and secret."""
    texts = {name: str(value) for name, value in fields.items()}
    if key:
        texts["AccessKey"] = key[0]
        text = "".join(texts[name] for name in sorted(texts)).encode() + body
        texts["Signature"] = base64.b64encode(hmac.new(key[1].encode(), text, hashlib.sha1).digest()).decode()
    pairs = b"".join(
        struct.pack(">h", len(name)) + name.encode() + struct.pack(">i", len(value)) + value.encode()
        for name, value in texts.items()
    )
    header = struct.pack(">hBhiiii", code, 4, 399, opaque, 0, 0, len(pairs)) + pairs
    return struct.pack(">iI", 4 + len(header) + len(body), 1 << 24 | len(header)) + header + body


def send_frame(plan: Plan, queue: int, body: bytes, *, batch: int = 0) -> bytes:
    """Returns a send of one message, or of a batch of the same message."""
    properties = "TAGS\x01a\x02WAIT\x01true\x02"
    fields: dict[str, object] = {"a": "bench", "b": plan["topic"], "c": "TBW102", "d": 8, "e": queue, "f": 0}
    fields |= {"g": 0, "h": 0, "i": "" if batch else properties, "j": 0, "k": "false"}
    if batch:
        text = properties.encode()
        head = struct.pack(">iiiii", 22 + len(body) + len(text), 0, 0, 0, len(body))
        fields["m"] = "true"
        return frame(_SEND_BATCH, fields, (head + body + struct.pack(">h", len(text)) + text) * batch, key=plan["key"])
    return frame(_SEND, fields, body, key=plan["key"])


async def connect(plan: Plan, answered: "Callable[[Line, int, bytes], None]") -> Line:
    """Returns an open connection."""
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(lambda: Line(answered), "127.0.0.1", plan["port"])
    return line


async def send(plan: Plan) -> dict[str, float]:
    """Sends over `connections` connections for `seconds`, each with `depth` requests under way."""
    latencies: list[float] = []
    is_stopped = False
    requests = [send_frame(plan, queue, b"x" * 1024, batch=plan.get("batch", 0)) for queue in range(plan["queues"])]
    began: dict[Line, list[float]] = {}

    def go(line: Line) -> None:
        began[line].append(time.perf_counter())
        line.transport.write(requests[line.number % len(requests)])

    def answered(line: Line, code: int, answer: bytes) -> None:
        if code:
            line.failure = answer[:400].decode(errors="replace")
            return
        # Answers may overtake one another; every request is alike, so the oldest stands for this one.
        latencies.append(time.perf_counter() - began[line].pop(0))
        if not is_stopped:
            go(line)

    lines = [await connect(plan, answered) for _ in range(plan["connections"])]
    for number, line in enumerate(lines):
        line.number, began[line] = number, []
        for _ in range(plan.get("depth", 1)):
            go(line)
    await asyncio.sleep(plan.get("warm_seconds", 1))
    latencies.clear()
    start = time.perf_counter()
    await asyncio.sleep(plan["seconds"])
    count, span = len(latencies), time.perf_counter() - start
    is_stopped = True
    _fail(lines)
    return {"per_second": count * (plan.get("batch") or 1) / span, **percentiles(latencies[:count])}


class Reader:
    """A member that reads one queue: the next pull leaves when the last one is answered, with the place it is at."""

    def __init__(self, plan: Plan, queue: int, found: Callable[[bytes, int], None]) -> None:
        self._plan, self._queue, self._found = plan, queue, found
        self.offset = 0
        self.is_at_end = False

    async def start(self) -> Line:
        self.line = await connect(self._plan, self.answered)
        topics = [{"topic": self._plan["topic"], "subString": "*", "expressionType": "TAG", "subVersion": 1}]
        consumer = {
            "groupName": self._plan["group"],
            "consumeType": "CONSUME_PASSIVELY",
            "messageModel": "CLUSTERING",
            "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET",
            "subscriptionDataSet": topics,
        }
        heart = {"clientID": f"bench@{self._queue}", "producerDataSet": [], "consumerDataSet": [consumer]}
        self.line.transport.write(frame(_HEARTBEAT, {}, json.dumps(heart).encode(), opaque=1, key=self._plan["key"]))
        return self.line

    def answered(self, line: Line, code: int, answer: bytes) -> None:
        is_pulled = answer[9:13] == b"\0\0\0\2"
        if code not in (0, 19, 20, 21):
            line.failure = answer[:400].decode(errors="replace")
            return
        if is_pulled:
            at = answer.index(b"nextBeginOffset") + 15
            length = int.from_bytes(answer[at : at + 4])
            self.offset = int(answer[at + 4 : at + 4 + length])
            body = 4 + int.from_bytes(answer[1:4])
            self._found(answer, body)
            self.is_at_end = code == 19
        if not (self.is_at_end and self._plan["kind"] == "pull"):
            self._pull()

    def _pull(self) -> None:
        waits = self._plan["kind"] == "end_to_end"
        fields: dict[str, object] = {
            "consumerGroup": self._plan["group"],
            "topic": self._plan["topic"],
            "queueId": self._queue,
            "queueOffset": self.offset,
            "maxMsgNums": self._plan["max"],
            # A member's client says with each pull how far it is.
            "sysFlag": _SUBSCRIBES | (_MAY_WAIT if waits else 0) | (_COMMITS if self.offset else 0),
            "commitOffset": self.offset,
            "suspendTimeoutMillis": 15000,
            "subscription": "*",
            "subVersion": 1,
            "maxMsgBytes": 4 * 1024 * 1024,
        }
        self.line.transport.write(frame(_PULL, fields, opaque=2, key=self._plan["key"]))


async def pull(plan: Plan) -> dict[str, float]:
    """Reads all queues of a topic to their ends, `max` messages at a time, one connection a queue."""
    total = 0
    last = 0.0

    def found(answer: bytes, at: int) -> None:
        nonlocal total, last
        while at < len(answer):
            at += int.from_bytes(answer[at : at + 4])
            total += 1
        last = time.perf_counter()

    readers = [Reader(plan, queue, found) for queue in range(plan["queues"])]
    start = time.perf_counter()
    lines = [await reader.start() for reader in readers]
    while not all(reader.is_at_end for reader in readers):
        _fail(lines)
        await asyncio.sleep(0.05)
    return {"per_second": total / (last - start), "messages": total}


async def end_to_end(plan: Plan) -> dict[str, float]:
    """Sends at a steady rate; times each message from before its send to its arrival at a waiting member."""
    latencies: list[float] = []

    def found(answer: bytes, at: int) -> None:
        now = time.perf_counter()
        while (at := answer.find(b"<at ", at)) >= 0:
            latencies.append(now - float(answer[at + 4 : answer.index(b">", at)]))
            at += 4

    readers = [Reader(plan, queue, found) for queue in range(plan["queues"])]
    lines = [await reader.start() for reader in readers]
    senders = [await connect(plan, _require_ok) for _ in range(plan["connections"])]
    await asyncio.sleep(1)
    start = time.perf_counter()
    for number in range(int(plan["rate"] * plan["seconds"])):
        due = start + number / plan["rate"]
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        body = f"<at {time.perf_counter():.6f}>".encode() + b"x" * 1000
        senders[number % len(senders)].transport.write(send_frame(plan, number % plan["queues"], body))
    span = time.perf_counter() - start
    while len(latencies) < int(plan["rate"] * plan["seconds"]):
        _fail([*lines, *senders])
        if time.perf_counter() > start + span + _LATE_SECONDS:
            raise RuntimeError(f"only {len(latencies)} messages came")
        await asyncio.sleep(0.1)
    return {"per_second": len(latencies) / span, **percentiles(latencies)}


def _require_ok(line: Line, code: int, answer: bytes) -> None:
    if code:
        line.failure = answer[:400].decode(errors="replace")


def _fail(lines: list[Line]) -> None:
    for line in lines:
        if line.failure:
            raise RuntimeError(line.failure)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(json.dumps(uvloop.run({"send": send, "pull": pull, "end_to_end": end_to_end}[given["kind"]](given))))
