"""A lean HTTP load generator: raw connections, one request in flight each, run in a process of its own.

`python -m benchmarks.client` reads a JSON plan on standard input and prints a JSON outcome.
"""

import asyncio
import json
import sys
import time
from typing import Any

import orjson
import uvloop


class Connection:
    """One keep-alive connection that knows just enough HTTP/1.1 to post JSON and read answers with a length."""

    def __init__(self, plan: dict[str, Any]) -> None:  # Any: JSON values
        self._plan = plan

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._plan["port"], limit=1 << 26)

    async def post(self, path: str, body: bytes) -> bytes:
        """Returns the body of the answer. Raises RuntimeError for anything but 2xx."""
        self._writer.write(self.head(path, len(body)) + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        at = head.lower().index(b"content-length:")
        length = int(head[at + 15 : head.index(b"\r\n", at)])
        answer = await self._reader.readexactly(length)
        if head[9:10] != b"2":
            raise RuntimeError(head.split(b"\r\n")[0].decode() + " " + answer[:200].decode())
        return answer

    def head(self, path: str, length: int) -> bytes:
        return (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Authorization: {self._plan['authorization']}\r\nContent-Length: {length}\r\n\r\n"
        ).encode()

    def close(self) -> None:
        self._writer.close()


class Unary(asyncio.Protocol):
    """The same request again and again, without a stream reader in between: the cheapest client Python has."""

    def __init__(self, request: bytes, latencies: list[float]) -> None:
        self._request = request
        self._latencies = latencies
        self._buffer = b""
        self.is_stopped = False
        self.failure = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._request)  # type: ignore[attr-defined] # asyncio passes a write transport

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._buffer.find(b"content-length:")
        length = int(self._buffer[at + 15 : self._buffer.index(b"\r\n", at)])
        if len(self._buffer) < end + 4 + length:
            return
        if self._buffer[9:10] != b"2":
            self.failure = self._buffer[:300].decode(errors="replace")
            return
        self._buffer = b""
        self._latencies.append(time.perf_counter() - self._began)
        if not self.is_stopped:
            self._send()


async def unary(plan: dict[str, Any]) -> dict[str, Any]:
    """Posts `body` over `connections` connections for `seconds`."""
    body = plan["body"].encode()
    request = Connection(plan).head(plan["path"], len(body)) + body
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    protocols: list[Unary] = []
    for _ in range(plan["connections"]):
        _, protocol = await loop.create_connection(lambda: Unary(request, latencies), "127.0.0.1", plan["port"])
        protocols.append(protocol)
    await asyncio.sleep(plan.get("warm_seconds", 1))
    latencies.clear()
    began = time.perf_counter()
    await asyncio.sleep(plan["seconds"])
    count, span = len(latencies), time.perf_counter() - began
    for protocol in protocols:
        protocol.is_stopped = True
    failures = [protocol.failure for protocol in protocols if protocol.failure]
    if failures:
        raise RuntimeError(failures[0])
    return {"per_second": count * plan.get("messages", 1) / span, **percentiles(latencies[:count])}


async def drain(plan: dict[str, Any]) -> dict[str, Any]:
    """Receives and acknowledges `max` at a time over `connections` connections until nothing more comes."""
    total = 0
    last = began = time.perf_counter()

    async def consume(number: int) -> None:
        nonlocal total, last
        connection = Connection(plan)
        await connection.open()
        ask = orjson.dumps({"topics": [plan["topic"]], "max": plan["max"], "client_id": f"bench-{number}"})
        while True:
            received = orjson.loads(await connection.post(plan["group_path"] + ":receive", ask))["messages"]
            if not received:
                break
            receipts = orjson.dumps({"receipts": [message["receipt"] for message in received]})
            results = orjson.loads(await connection.post(plan["group_path"] + ":ack", receipts))["results"]
            assert all(result["ok"] for result in results)
            total += len(received)
            last = time.perf_counter()
        connection.close()

    await asyncio.gather(*[consume(number) for number in range(plan["connections"])])
    return {"per_second": total / (last - began), "messages": total}


async def end_to_end(plan: dict[str, Any]) -> dict[str, Any]:
    """Sends at a steady rate and times each message from before the send to its arrival at a long-polling consumer."""
    latencies: list[float] = []
    is_over = False

    async def consume(number: int) -> None:
        connection = Connection(plan)
        await connection.open()
        ask = orjson.dumps({"topics": [plan["topic"]], "max": 32, "wait_seconds": 2, "client_id": f"bench-{number}"})
        while not is_over:
            received = orjson.loads(await connection.post(plan["group_path"] + ":receive", ask))["messages"]
            now = time.perf_counter()
            latencies.extend(now - float(message["body"].split(" ")[0]) for message in received)
            if received:
                receipts = orjson.dumps({"receipts": [message["receipt"] for message in received]})
                await connection.post(plan["group_path"] + ":ack", receipts)
        connection.close()

    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(plan["connections"]):
        connection = Connection(plan)
        await connection.open()
        idle.put_nowait(connection)
    consumers = [asyncio.create_task(consume(number)) for number in range(plan["consumers"])]
    await asyncio.sleep(1)
    padding = "x" * 1000

    async def send(connection: Connection) -> None:
        await connection.post(plan["path"], orjson.dumps({"body": f"{time.perf_counter():.6f} {padding}"}))
        idle.put_nowait(connection)

    sends: set[asyncio.Task[None]] = set()
    began = time.perf_counter()
    for number in range(int(plan["rate"] * plan["seconds"])):
        due = began + number / plan["rate"]
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(send(await idle.get()))
        sends.add(task)
        task.add_done_callback(sends.discard)
    await asyncio.gather(*sends)
    span = time.perf_counter() - began
    await asyncio.sleep(1)
    is_over = True
    await asyncio.gather(*consumers)
    return {"per_second": len(latencies) / span, **percentiles(latencies)}


def percentiles(latencies: list[float]) -> dict[str, float]:
    """Returns the median and the 99th percentile in milliseconds."""
    ordered = sorted(latencies)
    return {
        "p50_ms": 1000 * ordered[len(ordered) // 2],
        "p99_ms": 1000 * ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
    }


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(json.dumps(uvloop.run({"unary": unary, "drain": drain, "end_to_end": end_to_end}[given["kind"]](given))))
