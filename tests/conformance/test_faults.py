"""Parts of the running product die under traffic: nothing acknowledged is lost, nothing is buried twice."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing

import psutil
import redis

from mqconsole import places
from tests import stack
from tests.conformance import history
from tests.conformance.conftest import Product
from tests.conformance.door import Message, Refused, Unanswered
from tests.conformance.http_door import HttpDoor
from tests.conformance.workload import Workload


def test_faults_lose_nothing_and_bury_nothing_twice(own_product: Product) -> None:
    server = own_product.server
    door = HttpDoor.open(server.url, own_product.instance, key=own_product.key)
    stack.wait_until(lambda: "jobs" in server.pids(), what="the jobs to start")
    topic, spare = own_product.topic(queues=4), own_product.topic()
    steady, failing, prober = own_product.group(), own_product.group(max_attempts=2), own_product.group()

    def works_again() -> bool:
        try:
            door.send(spare, Message())
            return door.receive(prober, [spare], count=1, invisible=1) is not None
        except (Refused, Unanswered):
            return False

    with closing(door.client), Workload(door, topic, steady, failing) as workload:
        settle(workload, 100)
        for fault in (
            kill_web,
            kill_broker,
            kill_jobs,
            kill_backend,
            stop_database_at_once,
            flush_redis,
            kill_redis,
            restart_all,
        ):
            began = time.monotonic()
            fault(own_product)
            stack.wait_until(works_again, what=f"sends and receives to work again after {fault.__name__}")
            if fault in (flush_redis, kill_redis, restart_all):
                workload.history.redis_losses.append((began, time.monotonic()))
            settle(workload, len(workload.history.acknowledged_sends) + 60)
        workload.stop_writing()
        past = workload.history

        def are_settled() -> bool:
            dead = dead_keys(own_product, failing)
            return bool(workload.surprises) or not (history.lost(past, steady) or history.lost(past, failing, dead))

        stack.wait_until(are_settled, what="every acknowledged message to be settled")
        stack.wait_until(lambda: own_product.rows("SELECT count(*) FROM pending") == [(0,)], what="the last retries")
    assert not workload.surprises, workload.surprises
    assert len(past.acknowledged_sends) > 500
    assert history.from_nowhere(past) == set()
    assert history.unsticky(past) == []
    assert history.undeclared_duplicates(past) == []
    assert history.bad_offsets(past) == []
    letters = dead_keys(own_product, failing)
    assert history.second_letters(letters) == []
    assert dead_keys(own_product, steady) == {}
    poison = {key for key in past.acknowledged_sends if int(key.split("-")[1]) % 10 == 0}
    assert poison <= set(letters) <= poison | past.unknown_sends
    check_log(own_product, topic, past)


def settle(workload: Workload, count: int) -> None:
    """Lets traffic flow until so many sends were acknowledged."""
    stack.wait_until(lambda: len(workload.history.acknowledged_sends) >= count or workload.surprises, what="traffic")


def dead_keys(product: Product, group: str) -> Counter[str]:
    rows = product.rows(
        "SELECT d.body FROM dead_letter d JOIN brokers_group g ON g.id = d.group_id WHERE g.name = %s", group
    )
    return Counter(bytes(body).decode().split(" ")[0] for (body,) in rows)


def check_log(product: Product, topic: str, past: history.History) -> None:
    """The log is dense, holds every acknowledged key, and each of the writers with dedup ids once."""
    rows = product.rows(
        "SELECT q.id, q.next_offset, m.queue_offset, m.body FROM message m JOIN brokers_queue q ON q.id = m.queue_id"
        " JOIN brokers_topic t ON t.id = q.topic_id WHERE t.name = %s ORDER BY q.id, m.queue_offset",
        topic,
    )
    for queue in {row[0] for row in rows}:
        offsets = [row[2] for row in rows if row[0] == queue]
        assert offsets == list(range(len(offsets)))
        assert {row[1] for row in rows if row[0] == queue} == {len(offsets)}
    keys = Counter(bytes(row[3]).decode().split(" ")[0] for row in rows)
    assert past.acknowledged_sends <= set(keys) <= past.acknowledged_sends | past.unknown_sends
    assert {key: count for key, count in keys.items() if count > 1} == {}


# --- faults --------------------------------------------------------------------------------------------------------

Fault = Callable[[Product], None]


def kill_web(product: Product) -> None:
    product.server.wait_restarted("web", old=product.server.kill("web"))


def kill_broker(product: Product) -> None:
    product.server.wait_restarted("broker", old=product.server.kill("broker"))


def kill_jobs(product: Product) -> None:
    product.server.wait_restarted("jobs", old=product.server.kill("jobs"))


def kill_backend(product: Product) -> None:
    """PostgreSQL restarts all its processes when one of them dies like this."""
    (pids,) = product.rows(
        "SELECT array_agg(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    os.kill(pids[0][0], signal.SIGKILL)


def stop_database_at_once(product: Product) -> None:
    """No checkpoint, no goodbye: the next start recovers from the log."""
    old = product.server.pids()["postgres"]
    os.kill(postmaster(old), signal.SIGQUIT)
    product.server.wait_restarted("postgres", old=old)


def postmaster(pid: int) -> int:
    """Returns the PostgreSQL server's process, which may be a child of its launcher."""
    family = [psutil.Process(pid), *psutil.Process(pid).children()]
    return next(p.pid for p in family if "postgres" in p.name())


def flush_redis(product: Product) -> None:
    socket = places.socket_directory(product.server.data_dir) / "redis.sock"
    with redis.Redis(unix_socket_path=str(socket)) as client:
        client.flushall()


def kill_redis(product: Product) -> None:
    product.server.wait_restarted("redis", old=product.server.kill("redis"))


def restart_all(product: Product) -> None:
    server = product.server
    assert server.stop() == 0
    server.process = subprocess.Popen(
        [sys.executable, "-m", "mqconsole.local"],
        cwd=stack.PROJECT,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("MQ_", "DJANGO_"))},
            "MQ_DATA_DIR": str(server.data_dir),
            **{name: str(port) for name, port in server.ports.items()},
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server.wait_ready()
