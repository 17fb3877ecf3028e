"""Showing bodies: text, JSON with every digit, bytes, and compressed bodies within bounds."""

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.domain import previews

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def test_large_numbers_keep_every_digit() -> None:
    text = '{"id":12345678901234567890123,"rate":0.10000000000000000001,"e":1E400,"id":1}'
    shown = previews.format_json(text)
    assert shown == (
        '{\n  "id": 12345678901234567890123,\n  "rate": 0.10000000000000000001,\n  "e": 1E400,\n  "id": 1\n}'
    )


def test_a_number_of_ten_thousand_digits_is_no_error() -> None:
    digits = "7" * 10_000
    assert previews.format_json(f"[{digits}]") == f"[\n  {digits}\n]"


@given(JSON_VALUES.filter(lambda value: isinstance(value, dict | list)))
def test_formatting_changes_no_value(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=3)):
        shown = previews.format_json(text)
        assert shown is not None
        assert json.loads(shown) == value


@pytest.mark.parametrize("text", ["", "{", "{]", "nul", "17", '"word"', "[1,]", "[" * 100_000, "{'a': 1}"])
def test_what_is_not_json_is_not_shown_as_json(text: str) -> None:
    assert previews.format_json(text) is None


@given(st.binary(max_size=300), st.integers(min_value=0, max_value=2**11))
def test_any_bytes_have_a_preview(body: bytes, sys_flag: int) -> None:
    shown = previews.preview(body, sys_flag)
    assert shown.size_bytes == len(body)
    previews.head_text(body, sys_flag)


def test_compressed_text_is_shown_as_it_was_sent() -> None:
    shown = previews.preview(zlib.compress(b'{"a":1}'), 0x1)
    assert (shown.text, shown.is_compressed, shown.problem) == ('{"a":1}', True, "")
    assert shown.json == '{\n  "a": 1\n}'


def test_a_bomb_is_opened_to_the_cap_only() -> None:
    opened = previews.open_body(zlib.compress(b"0" * (64 * 1024 * 1024)), 0x1)
    assert len(opened.content) == previews.OPENED_BYTES
    assert opened.is_cut


@pytest.mark.parametrize("size", [previews.OPENED_BYTES - 1, previews.OPENED_BYTES])
def test_a_body_as_large_as_the_cap_is_whole(size: int) -> None:
    opened = previews.open_body(zlib.compress(b"0" * size), 0x1)
    assert (len(opened.content), opened.is_cut, opened.problem) == (size, False, "")


@pytest.mark.parametrize("body", [b"", b"plain", zlib.compress(b"hello" * 100)[:-9]])
def test_a_damaged_body_says_so(body: bytes) -> None:
    shown = previews.preview(body, 0x1)
    assert (shown.text, shown.problem) == (None, "damaged")


def test_a_compression_we_do_not_know_says_so() -> None:
    assert previews.preview(b"anything", 0x1 | (0x1 << 8)).problem == "unknown_compression"


def test_bytes_are_shown_as_hex() -> None:
    shown = previews.preview(bytes(range(250, 256)) + b"AB\x00")
    assert shown.text is None
    assert shown.hex == "00000000  fa fb fc fd fe ff 41 42 00" + " " * 21 + "  ......AB."


def test_a_head_cut_inside_a_character_is_still_text() -> None:
    assert previews.head_text("aß€".encode()[:-1]) == "aß"
    assert previews.head_text(b"\xff\xfe\xfd\xfcabcdef") is None
