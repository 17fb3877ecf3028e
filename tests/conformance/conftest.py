"""The running product, a fresh topic and group for each test, and a door to go through."""

import itertools
import os
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest

from mqconsole import places
from mqconsole.local.greet import why_not_ready
from tests import stack
from tests.conformance.door import EVERYTHING, LEASES, TRANSACTIONS, Door
from tests.conformance.http_door import HttpDoor
from tests.conformance.pop_door import PopDoor
from tests.conformance.remoting_door import RemotingDoor

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Product:
    """The product with an operator's key: makes topics and groups, and reads the store behind the doors' backs."""

    server: stack.Running
    client: httpx.Client
    instance: str

    @property
    def key(self) -> tuple[str, str]:
        return self.server.credentials["access_key_id"], self.server.credentials["access_key_secret"]

    def topic(self, **fields: Any) -> str:
        """Returns the name of a new topic with two queues."""
        return self._make("topics", f"orders-{next(_numbers)}", {"queues": 2, **fields})

    def group(self, **fields: Any) -> str:
        """Returns the name of a new group that repeats at once."""
        return self._make("groups", f"mail-{next(_numbers)}", {"backoff_seconds": [0], **fields})

    def change_group(self, name: str, **fields: Any) -> None:
        self.client.patch(f"{self.base}/groups/{name}", json=fields).raise_for_status()

    @property
    def base(self) -> str:
        return f"/api/v1/instances/{self.instance}"

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Returns what the product's database answers."""
        host = urllib.parse.quote(str(places.socket_directory(self.server.data_dir)))
        with psycopg.connect(f"postgresql://postgres@/mqconsole?host={host}", autocommit=True) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def _make(self, kind: str, name: str, fields: dict[str, Any]) -> str:
        answer = self.client.post(f"{self.base}/{kind}", json={"name": name, **fields})
        assert answer.status_code == 201, answer.text
        return name


@pytest.fixture(scope="session")
def server() -> Iterator[stack.Running]:
    """The whole product with two web processes behind its one port: what holds here holds for any number."""
    with stack.running(MQ_WEB_PROCESSES="2") as running:
        stack.wait_until(lambda: "web-2" in running.pids(), what="the second web process to start")
        yield running


@pytest.fixture(scope="session")
def product(server: stack.Running) -> Iterator[Product]:
    key = server.credentials["access_key_id"], server.credentials["access_key_secret"]
    with httpx.Client(base_url=server.url, auth=key, timeout=60.0, trust_env=False) as client:
        yield Product(server, client, server.credentials["instance"])


@pytest.fixture
def own_product(own_server: stack.Running) -> Iterator[Product]:
    key = own_server.credentials["access_key_id"], own_server.credentials["access_key_secret"]
    with httpx.Client(base_url=own_server.url, auth=key, timeout=120.0, trust_env=False) as client:
        yield Product(own_server, client, own_server.credentials["instance"])


DOORS = {"http": EVERYTHING, "remoting": frozenset({TRANSACTIONS}), "pop": frozenset({LEASES})}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests that need what their door does not have."""
    unable = [item for item in items if isinstance(item, pytest.Function) and _is_unable(item)]
    items[:] = [item for item in items if item not in unable]
    config.hook.pytest_deselected(items=unable)


def _is_unable(item: pytest.Function) -> bool:
    name = item.callspec.params.get("door") if hasattr(item, "callspec") else None
    needed = {need for mark in item.iter_markers("needs") for need in mark.args}
    return name is not None and not needed <= DOORS[str(name)]


@pytest.fixture(scope="session", params=DOORS)
def door(request: pytest.FixtureRequest, product: Product) -> Iterator[Door]:
    """Every test that asks for a door runs through each there is."""
    opened = open_door(request.param, product)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def other_door(door: Door, product: Product) -> Iterator[Door]:
    """The same product by a second web process; by another client where the door is served by one process."""
    if isinstance(door, RemotingDoor):
        opened: HttpDoor | RemotingDoor = open_door("pop" if isinstance(door, PopDoor) else "remoting", product)
        yield opened
        opened.close()
        return
    with _second_web(product.server) as url:
        opened = HttpDoor.open(url, product.instance, key=product.key)
        yield opened
        opened.close()


def open_door(name: str, product: Product) -> HttpDoor | RemotingDoor:
    """Returns a door of the product; the caller closes it."""
    if name in {"remoting", "pop"}:
        kind = PopDoor if name == "pop" else RemotingDoor
        return kind(("127.0.0.1", product.server.ports["MQ_BROKER_PORT"]), product.key)
    return HttpDoor.open(product.server.url, product.instance, key=product.key)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


@contextmanager
def _second_web(server: stack.Running) -> Iterator[str]:
    port = stack.free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MQ_", "DJANGO_"))}
    settings = {"MQ_DATA_DIR": str(server.data_dir), "MQ_HTTP_PORT": str(port)}
    with tempfile.NamedTemporaryFile(prefix="mqweb-") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mqconsole.web"],
            cwd=stack.PROJECT,
            env={**inherited, **server.environment, **settings},
            stdout=log,
            stderr=log,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            stack.wait_until(lambda: why_not_ready(f"{url}/readyz") is None, what="the second web process")
            yield url
        finally:
            process.terminate()
            process.wait(120)
