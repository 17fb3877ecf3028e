"""Fills a topic with messages that nobody reads, through the public batch route."""

import concurrent.futures
import json
import threading

from .stack import Stack

_BATCH = 1000


def fill(running: Stack, count: int) -> None:
    """Sends `count` messages of 1 KiB in batches of a thousand over four connections."""
    value = {"messages": [{"body": "x" * 1024, "tag": "a"}] * _BATCH}
    path = "/api/v1/instances/default/topics/bench/messages:batch"
    done = 0
    lock = threading.Lock()

    def send(_: int) -> None:
        nonlocal done
        results = running.call("POST", path, value)["results"]
        assert all(result["ok"] for result in results), json.dumps(results[0])
        with lock:
            done += len(results)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(-(-count // _BATCH))))
    assert done >= count
