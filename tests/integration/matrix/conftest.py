"""One world and one set of doors for all the cells of a module."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from tests import stack
from tests.integration.matrix import doors as door_room
from tests.integration.matrix import world as world_room
from tests.integration.matrix.doors import Doors
from tests.integration.matrix.world import World

SETTINGS: dict[str, Any] = {
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],  # Argon2 is slow on purpose
    "REMOTING_ANONYMOUS": "",
    "REMOTING_AUTO_CREATE": False,
}


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[World]:
    chosen = {**SETTINGS, **door_room.free_ports(), "STATIC_ROOT": tmp_path_factory.mktemp("static")}
    with django_db_blocker.unblock(), override_settings(**chosen):
        with stack.redis_client() as client:
            client.flushdb()
        try:
            yield world_room.build()
        finally:
            stack.empty_database()
            world_room.forget()


@pytest.fixture(scope="module")
def doors(world: World) -> Iterator[Doors]:
    with door_room.opened() as opened:
        yield opened
