"""Filters, back-offs, names, states and the limits of a message."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.domain import filters, limits, messages, names, retry, states
from brokers.domain.errors import ErrorCode, Rejected
from brokers.domain.filters import EVERYTHING, TagFilter
from brokers.domain.messages import Outgoing, Stored
from brokers.domain.states import OperationEvent, OperationState

# --- filters -------------------------------------------------------------------------------------------------------


def tagged(tag: str | None) -> Stored:
    return Stored(1, 0, "ID", tag, (), {}, b"", 0, 0, 0, "", 0, 0)


@pytest.mark.parametrize("expression", ["", "*", "  ", " * ", "||", "a||*", "* || b"])
def test_these_filters_pass_everything(expression: str) -> None:
    assert filters.parse_tags(expression) == EVERYTHING
    assert EVERYTHING.passes_all and EVERYTHING.passes(tagged(None)) and EVERYTHING.passes(tagged("a"))


def test_a_filter_passes_its_tags_only() -> None:
    found = filters.parse_tags(" a || b c||a")
    assert found == TagFilter(frozenset({"a", "b c"}))
    assert [found.passes(tagged(tag)) for tag in ("a", "b c", "A", "b", "", None)] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert found.expression == "a||b c"


@given(st.sets(st.text("abc *", min_size=1, max_size=5).map(str.strip).filter(lambda t: t and t != "*"), max_size=5))
def test_a_filter_is_read_from_its_own_expression(tags: set[str]) -> None:
    found = TagFilter(frozenset(tags))
    assert filters.parse_tags(found.expression) == found


@pytest.mark.parametrize("expression", ["a" * (limits.FILTER_CHARS + 1), "||".join(f"t{n}" for n in range(65))])
def test_filters_have_bounds(expression: str) -> None:
    with pytest.raises(Rejected):
        filters.parse_tags(expression)


# --- back-offs -----------------------------------------------------------------------------------------------------


def test_the_default_back_offs_are_the_known_levels() -> None:
    waits = [retry.backoff(attempt=n, steps=()).total_seconds() for n in range(1, 20)]
    assert waits == [10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200, 7200, 7200, 7200]


def test_own_back_offs_repeat_the_last() -> None:
    assert [retry.backoff(attempt=n, steps=(1, 5)).total_seconds() for n in (1, 2, 3, 99)] == [1, 5, 5, 5]


def test_the_last_attempt_is_the_last() -> None:
    assert [retry.is_exhausted(attempt=n, max_attempts=3) for n in (1, 2, 3, 4)] == [False, False, True, True]


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [names.check_topic, names.check_group])
def test_names_keep_to_their_spelling(check: Callable[[str], str]) -> None:
    # The last is where RocketMQ's own benchmark sends.
    for name in ("a", "Orders_2-b", "50%", "a|b", "x" * 120, "BenchmarkTest"):
        assert check(name) == name
    for name in ("", "a b", "a/b", "ä", "a\n", "a\0", "%RETRY%a", "%DLQ%a", "x" * 128):
        with pytest.raises(Rejected) as caught:
            check(name)
        assert caught.value.code == ErrorCode.INVALID_NAME


@pytest.mark.parametrize(
    ("check", "name"),
    [
        (names.check_topic, "TBW102"),
        (names.check_topic, "rmq_sys_x"),
        (names.check_topic, "a_REPLY_TOPIC"),
        (names.check_group, "TOOLS_CONSUMER"),
        (names.check_group, "cid_rmq_sys_a"),
        (names.check_group, "x" * 121),
        (names.check_instance, "Shop"),
        (names.check_instance, "-shop"),
        (names.check_instance, "shop-"),
        (names.check_instance, "x" * 65),
        (names.check_instance, "a\n"),
    ],
)
def test_reserved_and_misspelt_names_are_refused(check: Callable[[str], str], name: str) -> None:
    with pytest.raises(Rejected):
        check(name)


def test_derived_names_fit_and_may_exist() -> None:
    longest = "x" * limits.GROUP_NAME_CHARS
    for derived in (names.retry_topic(longest), names.dead_letter_topic(longest)):
        assert len(derived) <= limits.TOPIC_NAME_CHARS <= limits.DERIVED_TOPIC_NAME_CHARS
    assert names.may_exist("a", "b") and not names.may_exist("a", "b\0")


# --- states --------------------------------------------------------------------------------------------------------


def test_operations_change_as_the_table_says_and_not_otherwise() -> None:
    for state, event in itertools.product(OperationState, OperationEvent):
        expected = states.OPERATION.get((state, event))
        if expected is not None:
            assert states.next_operation_state(state, event) is expected
            continue
        with pytest.raises(Rejected) as caught:
            states.next_operation_state(state, event)
        assert caught.value.code == ErrorCode.CONFLICT


def test_what_has_ended_stays_ended() -> None:
    for state in (OperationState.SUCCEEDED, OperationState.PARTIAL, OperationState.CANCELLED):
        assert not [event for event in OperationEvent if (state, event) in states.OPERATION]


# --- messages ------------------------------------------------------------------------------------------------------

GOOD: list[dict[str, Any]] = [
    {},
    {"body": b"x" * limits.BODY_BYTES},
    {"tag": "t" * limits.TAG_CHARS},
    {"keys": ("k" * limits.KEY_CHARS,) * limits.KEY_COUNT},
    {"properties": {f"p{n}": "v" for n in range(limits.PROPERTY_COUNT)}},
    {"properties": {"p": "v" * (limits.PROPERTIES_BYTES - 3)}},
    {"sharding_key": "s" * limits.SHARDING_KEY_CHARS},
    {"dedup_id": "d" * limits.DEDUP_ID_CHARS},
    {"delay": timedelta()},
    {"delay": timedelta(seconds=limits.DELAY_MAX_SECONDS)},
]
BAD: list[tuple[dict[str, Any], ErrorCode]] = [
    ({"body": b"x" * (limits.BODY_BYTES + 1)}, ErrorCode.MESSAGE_TOO_LARGE),
    ({"tag": "t" * (limits.TAG_CHARS + 1)}, ErrorCode.INVALID_REQUEST),
    ({"tag": ""}, ErrorCode.INVALID_REQUEST),
    ({"tag": "*"}, ErrorCode.INVALID_REQUEST),
    ({"tag": "a||b"}, ErrorCode.INVALID_REQUEST),
    ({"tag": "a\n"}, ErrorCode.INVALID_REQUEST),
    ({"keys": ("",)}, ErrorCode.INVALID_REQUEST),
    ({"keys": ("a b",)}, ErrorCode.INVALID_REQUEST),
    ({"keys": ("k" * (limits.KEY_CHARS + 1),)}, ErrorCode.INVALID_REQUEST),
    ({"keys": ("k",) * (limits.KEY_COUNT + 1)}, ErrorCode.INVALID_REQUEST),
    ({"properties": {"": "v"}}, ErrorCode.INVALID_REQUEST),
    ({"properties": {"a\x01": "v"}}, ErrorCode.INVALID_REQUEST),
    ({"properties": {"a": "v\x02"}}, ErrorCode.INVALID_REQUEST),
    ({"properties": {"TAGS": "v"}}, ErrorCode.RESERVED_PROPERTY),
    ({"properties": {"p": "v" * (limits.PROPERTIES_BYTES - 2)}}, ErrorCode.PROPERTIES_TOO_LARGE),
    ({"properties": {f"p{n}": "v" for n in range(limits.PROPERTY_COUNT + 1)}}, ErrorCode.PROPERTIES_TOO_LARGE),
    ({"sharding_key": ""}, ErrorCode.INVALID_REQUEST),
    ({"sharding_key": "s" * (limits.SHARDING_KEY_CHARS + 1)}, ErrorCode.INVALID_REQUEST),
    ({"dedup_id": ""}, ErrorCode.INVALID_REQUEST),
    ({"dedup_id": "d" * (limits.DEDUP_ID_CHARS + 1)}, ErrorCode.INVALID_REQUEST),
    ({"delay": timedelta(seconds=-1)}, ErrorCode.INVALID_REQUEST),
    ({"delay": timedelta(seconds=limits.DELAY_MAX_SECONDS + 1)}, ErrorCode.INVALID_REQUEST),
    ({"delay": timedelta(1), "deliver_at": datetime(2030, 1, 1, tzinfo=UTC)}, ErrorCode.INVALID_REQUEST),
]


def test_messages_within_the_limits_pass() -> None:
    for fields in GOOD:
        messages.check(Outgoing(**{"body": b"", "message_id": "A", **fields}))


@pytest.mark.parametrize(("fields", "code"), BAD)
def test_messages_beyond_a_limit_are_refused(fields: dict[str, Any], code: ErrorCode) -> None:
    with pytest.raises(Rejected) as caught:
        messages.check(Outgoing(**{"body": b"", "message_id": "A", **fields}))
    assert caught.value.code == code


def test_message_ids_are_unique_and_sort_by_time() -> None:
    ids = [messages.new_message_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(len(i) == 32 and i[12] == "7" and i[16] in "89AB" for i in ids)
    assert [i[:12] for i in ids] == sorted(i[:12] for i in ids)
