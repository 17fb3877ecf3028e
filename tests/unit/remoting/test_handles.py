"""Handles: what is written is read, what the Java client writes is read, and anything else is refused."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.domain.errors import ProtocolViolation
from brokers.protocols.remoting import handles
from brokers.protocols.remoting.handles import Recall

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


@pytest.mark.parametrize("text", ["", "====", "djE=", "ÿ", JAVA[8:], JAVA * 20])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ProtocolViolation):
        handles.read_recall(text)


@given(st.one_of(st.text(max_size=200), st.binary(max_size=100).map(lambda b: base64.urlsafe_b64encode(b).decode())))
def test_garbage_raises_nothing_else(text: str) -> None:
    with contextlib.suppress(ProtocolViolation):
        handles.read_recall(text)
