"""Requests in JSON: whatever comes, it is read or refused, and nothing else happens."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brokers.domain import limits
from brokers.domain.errors import BrokerError, ErrorCode, Rejected
from brokers.domain.filters import EVERYTHING, parse_sql, parse_tags
from brokers.domain.messages import Outgoing, Stored
from brokers.doors.http import routes
from brokers.protocols.http import messages, problems

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["2026-11-21T08:30:00Z", "YQ=="]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_members = st.sampled_from(
    "body body_base64 tag keys properties sharding_key deliver_at delay_seconds dedup_id message_id messages topics max"
    " wait_seconds invisible_seconds client_id receipts error".split()
)
_objects = st.dictionaries(_members, _json, max_size=5)


@given(st.binary())
@example(b"\xff")
@example(b"[" * 5000)
@example(b'{"a":1e999}')
@example(b'{"a":"\\ud800"}')
def test_any_bytes_are_an_object_or_refused(raw: bytes) -> None:
    try:
        assert isinstance(messages.parse_json(raw), dict)
    except Rejected as error:
        assert error.code == ErrorCode.INVALID_JSON and error.detail


@given(_objects)
def test_any_object_is_a_request_or_refused(value: dict[str, Any]) -> None:
    for parse in (
        lambda v: messages.parse_send(v, born_host=""),
        messages.parse_batch,
        messages.parse_receive,
        messages.parse_receipts,
        messages.parse_refusal,
        messages.parse_extension,
    ):
        try:
            parse(value)
        except Rejected as error:
            assert error.detail


@given(_json)
def test_any_value_is_an_entry_or_refused(value: Any) -> None:
    try:
        assert isinstance(messages.parse_send(value, born_host=""), Outgoing)
    except Rejected as error:
        assert error.detail


@given(st.binary(max_size=200), st.text(max_size=50))
def test_bodies_come_as_they_were_sent(raw: bytes, text: str) -> None:
    encoded = {"body_base64": base64.b64encode(raw).decode()}
    assert messages.parse_send(encoded, born_host="").body == raw
    if "\ud800" <= max(text, default="") <= "\udfff":
        return
    value = messages.parse_json(json.dumps({"body": text}).encode())
    sent = messages.parse_send(value, born_host="")
    described = messages.describe_message(stored(sent.body))
    assert described["body"] == text
    again = messages.describe_message(stored(raw))
    assert again["body"].encode() == raw if "body" in again else base64.b64decode(again["body_base64"]) == raw


def stored(body: bytes) -> Stored:
    return Stored(1, 2, "A", None, (), {"__SHARDINGKEY": "k", "a": "b"}, body, 0, 0, 0, "", 0, 0)


def test_the_sharding_key_is_a_member_of_its_own() -> None:
    described = messages.describe_message(stored(b""))
    assert (described["sharding_key"], described["properties"]) == ("k", {"a": "b"})
    assert b'"born_at":"1970-01-01T00:00:00Z"' in messages.dump(described)


SQL = {"sql": " price > 10 "}


def test_a_receive_has_defaults_and_reads_filters() -> None:
    form = messages.parse_receive({"topics": ["a", {"topic": "b", "filter": "x||y"}, {"topic": "c", "filter": SQL}]})
    assert form.topics == (("a", EVERYTHING), ("b", parse_tags("x||y")), ("c", parse_sql("price > 10")))
    assert (form.max_count, form.wait, form.invisible, form.client_id) == (16, timedelta(), None, "")


def test_limits_of_lists_are_kept() -> None:
    for parse, member, most in (
        (messages.parse_batch, "messages", limits.BATCH_MESSAGE_COUNT),
        (messages.parse_receive, "topics", limits.RECEIVE_TOPIC_COUNT),
        (messages.parse_receipts, "receipts", limits.RECEIPT_COUNT),
    ):
        parse({member: ["x"] * most})
        for wrong in ([], ["x"] * (most + 1), "x", None):
            with pytest.raises(Rejected):
                parse({member: wrong})


def test_every_error_code_has_a_status_and_a_title() -> None:
    assert set(problems.TABLE) == set(ErrorCode)
    for code in ErrorCode:
        document = problems.document(BrokerError("what happened", code, status="mine", more=1), "r")
        assert document["status"] == problems.status(code) and document["more"] == 1 and document["title"]


# --- routes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (b"/api/v1/instances/i/topics/t/messages", ("send", "i", "t")),
        (b"/api/v1/instances/i/topics/t/messages:batch", ("batch", "i", "t")),
        (b"/api/v1/instances/i/groups/g/messages:receive", ("receive", "i", "g")),
        (b"/api/v1/instances/i%20x/groups/%25DLQ%25g/messages:ack", ("ack", "i x", "%DLQ%g")),
        (b"/api/v1/instances/i/groups/a%2Fb/messages:nack", ("nack", "i", "a/b")),
        (b"/api/v1/instances/i/groups/g/messages:extend", ("extend", "i", "g")),
        (b"/api/v1/instances/i/groups/g/messages", None),
        (b"/api/v1/instances/i/topics/t/messages:receive", None),
        (b"/api/v1/instances/i/topics/t/messages/", None),
        (b"/api/v1/instances/i/topics//messages", None),
        (b"/api/v1/instances/i/topics/t/u/messages", None),
        (b"//api/v1/instances/i/topics/t/messages", None),
        (b"/api/v1/instances/i/topics/t/messages\n", None),
    ],
)
def test_hot_paths_are_known_exactly(path: bytes, found: tuple[str, str, str] | None) -> None:
    route = routes.find(path)
    assert (None if route is None else (route.verb, route.instance, route.name)) == found


@given(st.binary(max_size=100))
def test_any_path_has_a_route_or_none(raw: bytes) -> None:
    routes.find(b"/api/v1/instances/" + raw + b"/topics/" + raw + b"/messages")
