"""Servers for the tests: real PostgreSQL and Redis, and the whole product where a test asks for it.

Everything lives in one temporary directory and on unix sockets in it. Nothing starts before a test needs it.
`MQ_DATABASE_URL` and `MQ_REDIS_URL` may name servers that are running already (their contents are thrown away).
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# Django reads its settings once, from the environment; so this comes before anything that could load them.
SESSION_DIR = Path(tempfile.mkdtemp(prefix="mqtest-"))
USES_OTHER_SERVERS = "MQ_DATABASE_URL" in os.environ and "MQ_REDIS_URL" in os.environ
if "mqconsole.settings" in sys.modules and not USES_OTHER_SERVERS:
    pytest.exit("unset DJANGO_SETTINGS_MODULE: the tests choose the settings themselves", returncode=2)
os.environ["MQ_DATA_DIR"] = str(SESSION_DIR)
os.environ["DJANGO_SETTINGS_MODULE"] = "mqconsole.settings"

import django  # from here on the environment has to be as above

django.setup()

from tests import stack

# Generated cases are judged by what they find, never by how long a busy machine takes for one.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


def pytest_unconfigure() -> None:
    shutil.rmtree(SESSION_DIR, ignore_errors=True)


@pytest.fixture(scope="session")
def servers() -> Iterator[None]:
    """PostgreSQL and Redis for this process, up and answering."""
    with stack.stores(SESSION_DIR):
        yield


@pytest.fixture(scope="session")
def django_db_setup(servers: None, django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database with every migration applied; takes the place of pytest-django's fixture of this name.

    Theirs makes a database only when a test asks for it in their words, and knows nothing of `database` below.
    """
    with django_db_blocker.unblock(), stack.test_database():
        yield


@pytest.fixture
def redis_client(servers: None) -> Iterator[Any]:
    """A Redis client; what the test leaves in Redis is thrown away."""
    with stack.redis_client() as client:
        client.flushdb()
        yield client
        client.flushdb()


@pytest.fixture
def database(django_db_setup: None, django_db_blocker: Any, redis_client: Any) -> Iterator[None]:
    """An empty database in which every commit is real and seen by every thread and process.

    For engine, doors and anything with its own transactions. Tests of plain Django code take `db`, which rolls back.
    """
    with django_db_blocker.unblock():
        yield
        stack.empty_database()


@pytest.fixture(scope="session")
def server() -> Iterator["stack.Running"]:
    """The whole product as `make run` starts it, on free ports, shared by the tests of the session."""
    with stack.running() as running:
        yield running


@pytest.fixture
def own_server() -> Iterator["stack.Running"]:
    """The whole product for one test alone: one that kills or restarts parts of it."""
    with stack.running() as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of an installed Chromium; skips where there is none."""
    for name in ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path is not None:
            return path
    pytest.skip("no Chromium on this machine")
