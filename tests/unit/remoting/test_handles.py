"""Handles: what is written is read, what the Java client writes is read, and anything else is refused."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.domain.errors import ProtocolViolation
from brokers.protocols.remoting import handles
from brokers.protocols.remoting.handles import Popped, Recall

# `RecallMessageHandle.HandleV1.buildHandle("orders", "broker-a", "1764000000000", "7F0000010C4E18B4AAC2")` of 5.3.3.
JAVA = "djEgb3JkZXJzIGJyb2tlci1hIDE3NjQwMDAwMDAwMDAgN0YwMDAwMDEwQzRFMThCNEFBQzI="
WORDS = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)


def test_a_handle_of_the_java_client_is_read_and_written_alike() -> None:
    handle = Recall("orders", "broker-a", 1764000000000, "7F0000010C4E18B4AAC2")
    assert handles.read_recall(JAVA) == handle
    assert handles.write_recall(handle) == JAVA


@given(WORDS, st.integers(0, 10**18 - 1), WORDS)
def test_what_is_written_is_read(topic: str, due_ms: int, message_id: str) -> None:
    handle = Recall(topic, "broker-a", due_ms, message_id)
    assert handles.read_recall(handles.write_recall(handle)) == handle


# `ExtraInfoUtil.buildExtraInfo(100, 1764000000000L, 60000, 3, "%RETRY%g_t", "broker-a", 7, 104)` of 5.3.3.
JAVA_POPPED = "100 1764000000000 60000 3 1 broker-a 7 104"
NUMBERS = st.integers(0, 10**15)


def test_a_handle_the_java_client_made_up_is_read_and_written_alike() -> None:
    handle = Popped(
        start=100,
        popped_at_ms=1764000000000,
        invisible_ms=60000,
        revive=3,
        is_retry=True,
        broker="broker-a",
        queue=7,
        offset=104,
    )
    assert handles.read_popped(JAVA_POPPED) == handle
    assert handles.write_popped(handle) == JAVA_POPPED


@given(NUMBERS, NUMBERS, NUMBERS, st.booleans(), st.sampled_from(["", "AQAAAA", "x-_"]))
def test_a_popped_handle_that_is_written_is_read(
    start: int, popped_at_ms: int, offset: int, is_retry: bool, receipt: str
) -> None:
    handle = Popped(
        start=start,
        popped_at_ms=popped_at_ms,
        invisible_ms=1,
        revive=999,
        is_retry=is_retry,
        broker="broker-a",
        queue=1,
        offset=offset,
        receipt=receipt,
    )
    assert handles.read_popped(handles.write_popped(handle)) == handle


@pytest.mark.parametrize(
    "text", ["", "1 2 3", "a 2 3 4 0 b 6 7", "1 2 3 4 0 b -1 7", f"{JAVA_POPPED} r more", "9" * 3000]
)
def test_other_handles_are_refused(text: str) -> None:
    with pytest.raises(ProtocolViolation):
        handles.read_popped(text)


@pytest.mark.parametrize("text", ["", "====", "djE=", "ÿ", JAVA[8:], JAVA * 20])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ProtocolViolation):
        handles.read_recall(text)


@given(st.one_of(st.text(max_size=200), st.binary(max_size=100).map(lambda b: base64.urlsafe_b64encode(b).decode())))
def test_garbage_raises_nothing_else(text: str) -> None:
    for read in (handles.read_recall, handles.read_popped):
        with contextlib.suppress(ProtocolViolation):
            read(text)
