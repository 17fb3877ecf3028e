"""A receipt comes back as it was written, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.domain import limits, receipts
from brokers.domain.errors import ErrorCode, Rejected
from brokers.domain.receipts import Receipt

KEY = b"a key"
_UINT64 = st.integers(0, 2**63 - 1)

written = st.builds(
    Receipt,
    group_id=st.integers(0, 2**32 - 1),
    queue_id=_UINT64,
    offset=_UINT64,
    epoch=st.integers(0, 2**32 - 1),
    attempt=st.integers(0, 2**16 - 1),
    lease_start=_UINT64,
    lease_end=_UINT64,
    claimed_at_ms=_UINT64,
    client_id=st.text(st.characters(exclude_categories=["Cs"]), max_size=limits.CLIENT_ID_CHARS),
    is_ordered=st.booleans(),
)
EXAMPLE = Receipt(7, 8, 9, 1, 2, 9, 12, 1_700_000_000_000, "client-1", True)


@given(written)
def test_what_was_written_comes_back(receipt: Receipt) -> None:
    text = receipts.encode(receipt, KEY)
    assert receipts.decode(text, KEY) == receipt
    assert len(text) <= limits.RECEIPT_CHARS
    assert text.isascii() and not set(text) & set("+/=")


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")) | st.from_regex(r"[A-Za-z0-9_-]{80,120}"))
def test_garbage_is_rejected(text: str) -> None:
    refused(text, KEY)


def test_every_changed_byte_is_noticed() -> None:
    text = receipts.encode(EXAMPLE, KEY)
    for index in range(len(text)):
        for other in "AZaz09_-":
            changed = text[:index] + other + text[index + 1 :]
            if changed == text:
                continue
            try:
                # The last digit has bits that mean nothing; a change there is no change.
                assert receipts.decode(changed, KEY) == EXAMPLE and index == len(text) - 1
            except Rejected as error:
                assert error.code == ErrorCode.INVALID_RECEIPT


def test_parts_and_more_are_rejected() -> None:
    text = receipts.encode(EXAMPLE, KEY)
    for end in range(len(text)):
        refused(text[:end], KEY)
    for more in ("A", "AAAA", "====", " ", "\n", text):
        refused(text + more, KEY)
    refused("A" * (limits.RECEIPT_CHARS + 1), KEY)


def test_another_key_is_rejected() -> None:
    refused(receipts.encode(EXAMPLE, KEY), b"another key")


def refused(text: str, key: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        receipts.decode(text, key)
    assert caught.value.code == ErrorCode.INVALID_RECEIPT
