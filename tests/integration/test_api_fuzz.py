"""Requests made up from the OpenAPI document, right and wrong ones: none may break the server or its word."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from brokers.api import schema
from tests.stack import Running

# Keys are left out because the test would shut itself out; deletions, because other tests use the server.
DOCUMENT = (
    schemathesis.openapi.from_dict(schema.document()).exclude(path_regex="^/access-keys").exclude(method="DELETE")
)
NAMES = {"instance": "default", "topic": "fuzz-orders", "group": "fuzz-mail", "request": "fuzz"}
CHECKS: Any = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def authorization(server: Running) -> Iterator[str]:
    key = f"{server.credentials['access_key_id']}:{server.credentials['access_key_secret']}"
    header = f"Basic {base64.b64encode(key.encode()).decode()}"
    for kind in ("topics", "groups"):
        where = f"{server.url}/api/v1/instances/default/{kind}"
        made = httpx.post(where, json={"name": NAMES[kind[:-1]]}, headers={"Authorization": header}, timeout=120)
        assert made.status_code in {201, 409}
    yield header
    # Other tests sign in at this server with a password alone.
    account = {"requires_second_factor": False}
    changed = httpx.patch(f"{server.url}/api/v1/account", json=account, headers={"Authorization": header}, timeout=120)
    assert changed.status_code == 200, changed.text


@DOCUMENT.parametrize()
@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_request_breaks_the_server_or_its_word(case: Any, server: Running, authorization: str) -> None:
    case.path_parameters |= {name: value for name, value in NAMES.items() if name in case.path_parameters}
    if isinstance(case.body, dict) and isinstance(case.body.get("wait_seconds"), int | float):
        case.body["wait_seconds"] = 0
    if case.path.endswith(":request") and isinstance(case.body, dict):
        case.body["async"] = True
    if isinstance(case.query, dict) and isinstance(case.query.get("wait_seconds"), int | float):
        case.query["wait_seconds"] = 0
    case.call_and_validate(
        base_url=f"{server.url}/api/v1", headers={"Authorization": authorization}, checks=CHECKS, timeout=120
    )
