"""Requests made up from the OpenAPI document, right and wrong ones: none may break the server or its word.

Every check the library has is on. What a schema cannot say of a request is in `MEANINGS`, each with its words.
More of them by hand: `API_FUZZ_EXAMPLES=200 python -m pytest tests/integration/test_api_fuzz.py`.
"""

import base64
import os
import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi import checks

from brokers.api import schema
from brokers.domain import limits
from tests.stack import Running

EXAMPLES = int(os.environ.get("API_FUZZ_EXAMPLES", "6"))
# Keys are left out because the test would shut itself out; deletions, because other tests use the server.
DOCUMENT = (
    schemathesis.openapi.from_dict(schema.document()).exclude(path_regex="^/access-keys").exclude(method="DELETE")
)
NAMES = {"instance": "default", "topic": "fuzz-orders", "group": "fuzz-mail", "request": "fuzz"}
# Why a request that fits the schema may be refused all the same: what it means depends on more than its form.
MEANINGS = (
    "The time range is empty",  # `from` lies before `to`
    r"(?:This|The) cursor|cursor must be",  # it is given out by the page before
    "SQL filter, character|A filter|An SQL filter",  # a grammar of its own
    "This is not a reply address",  # signed by the server
    "This password",  # common ones, rows of keys, the name of the user
    r"Statement \d+: |A policy has at most",  # a value fits its condition's operator; characters of the whole text
    r"\w+ cannot be set on this|The limits of the account",  # which limits an instance has, or a key
    r"\w+ must be a whole number from",  # the platform's own ceiling
    "webhook_url",  # an address without a name or password in it, and a port that can be
    "The name of the|A (?:topic|group) name|(?:Topic|Group) name|Instance names",  # reserved ones, derived lengths
    r"Topic '.*' (?:has queues|belongs to|is)",  # of the topic that is there
    "An offset is|`time` takes",
    "A tag has|A key has|A property|Property|(?:sharding_key|dedup_id|client_id) has",  # none that cannot be printed
    r"deliver_at is|\w+ is too far away|Give deliver_at or delay_seconds, not both",
    "Ask about one action",
    "Give ids or a filter, not both",
    "This instance has many queues",
    "If-Match is",  # in double quotes, which the library forgets of the pattern
    r".*(?:Null characters are not allowed|NUL|printable characters|without blanks)",  # as the introduction says
)
load_all_checks()


def accepts_what_fits(ctx: Any, response: Any, case: Any) -> bool | None:
    """The library's `positive_data_acceptance`, but for what only the meaning of a request can tell."""
    if response.status_code == 400 and re.match("|".join(MEANINGS), response.json()["detail"]):
        return None
    if response.status_code == 412 and "If-Match" in case.headers:
        return None  # an edition that was made up
    return bool(checks.positive_data_acceptance(ctx, response, case)) or None


def refuses_what_does_not_fit(ctx: Any, response: Any, case: Any) -> bool | None:
    """The library's `negative_data_rejection`; too much is 413, and a batch says of each message how it went."""
    if response.status_code == 413:
        return None
    is_batch = response.status_code == 200 and case.path.endswith(":batch")
    if is_batch and any(not result["ok"] for result in response.json()["results"]):
        return None
    return bool(checks.negative_data_rejection(ctx, response, case)) or None


OURS: dict[str, Any] = {
    "positive_data_acceptance": accepts_what_fits,
    "negative_data_rejection": refuses_what_does_not_fit,
}
ALL: list[Any] = [OURS.get(check.__name__, check) for check in CHECKS.get_all()]


@pytest.fixture(scope="module")
def authorization(server: Running) -> Iterator[str]:
    key = f"{server.credentials['access_key_id']}:{server.credentials['access_key_secret']}"
    header = f"Basic {base64.b64encode(key.encode()).decode()}"
    headers = {"Authorization": header}
    for kind in ("topics", "groups"):
        where = f"{server.url}/api/v1/instances/default/{kind}"
        made = httpx.post(where, json={"name": NAMES[kind[:-1]]}, headers=headers, timeout=120)
        assert made.status_code in {201, 409}
    yield header
    # Other tests sign in at this server with a password alone.
    account = {"requires_second_factor": False}
    changed = httpx.patch(f"{server.url}/api/v1/account", json=account, headers=headers, timeout=120)
    assert changed.status_code == 200, changed.text


@DOCUMENT.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_request_breaks_the_server_or_its_word(case: Any, server: Running, authorization: str) -> None:
    case.path_parameters |= {name: value for name, value in NAMES.items() if name in case.path_parameters}
    for given in (case.body, case.query):
        wait = given.get("wait_seconds") if isinstance(given, dict) else None
        if isinstance(wait, int | float) and 0 < wait <= limits.WAIT_SECONDS:
            given["wait_seconds"] = 0
    if case.path.endswith(":request") and isinstance(case.body, dict):
        case.body["async"] = True
    if "Idempotency-Key" in case.headers and not case.meta.is_negative_at(ParameterLocation.HEADER):
        case.headers["Idempotency-Key"] = uuid.uuid4().hex  # the same for two requests is refused
    case.call_and_validate(
        base_url=f"{server.url}/api/v1", headers={"Authorization": authorization}, checks=ALL, timeout=120
    )
