"""Fills a topic with messages that nobody reads, through the public batch route."""

import concurrent.futures
import json
import threading

import psycopg

from .stack import Stack

_BATCH = 1000


def fill(running: Stack, count: int) -> None:
    """Sends `count` messages of 1 KiB in batches of a thousand over four connections, and lets the database finish.

    What is left of writing gigabytes within a minute (a checkpoint, a vacuum of the new rows) would be measured with
    the next sends; a backlog that grew over hours leaves none.
    """
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
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE message")
        connection.execute("CHECKPOINT")
