"""The canonical text of a signature, against the documentation and against people who shift bytes."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import clock, signature
from accounts.errors import Unauthenticated

PAGE = (Path(__file__).parents[2] / "docs" / "http-signature.md").read_text()
NONCE = b"Zm9ydHktdHdvLW5vbmNl"


def block(kind: str) -> str:
    found = re.search(rf"^```{re.escape(kind)}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"the page has no block {kind!r}"
    return found[1]


def claim_of(headers: dict[bytes, bytes], names: str = "x-mq-nonce;x-mq-timestamp") -> signature.Claim:
    return signature.parse(f"Credential=MQ1, SignedHeaders={names}, Signature={'0' * 64}".encode(), headers)


def text_of(**changes: Any) -> bytes:  # Any: parts of a request, each of its type
    headers = {b"x-mq-nonce": NONCE, b"x-mq-timestamp": b"1790000000", b"a": b"1", b"b": b"2"}
    names = "a;b;x-mq-nonce;x-mq-timestamp"
    headers |= changes.pop("headers", {})
    fields: Any = {"method": "POST", "raw_path": b"/p", "query": b"x=1", "body_sha256": "0" * 64} | changes
    return signature.canonical(claim_of(headers, names), headers, **fields)


def test_the_documented_example_has_the_documented_signature() -> None:
    example = json.loads(block("json example"))
    headers = {name.lower().encode(): value.encode() for name, value in example["headers"].items()}
    authorization = block("text authorization").strip().encode()
    claim = signature.parse(authorization.partition(b" ")[2], headers)
    text = signature.canonical(
        claim,
        headers,
        method=example["method"],
        raw_path=example["path"].encode(),
        query=example["query"].encode(),
        body_sha256=hashlib.sha256(example["body"].encode()).hexdigest(),
    )
    assert text.decode() == block("text canonical")
    assert signature.sign(example["secret"].encode(), text) == claim.signature
    assert claim.key_id == example["key_id"]


def test_the_documented_program_signs_the_documented_example() -> None:
    example = json.loads(block("json example"))
    program: dict[str, Any] = {}
    exec(block("python"), program)  # it is our own page
    sent = program["signed_headers"](
        example["key_id"],
        example["secret"],
        method=example["method"],
        path=example["path"],
        query=example["query"],
        body=example["body"].encode(),
        headers=example["headers"],
    )
    assert sent["authorization"] == block("text authorization").strip()


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "PUT"},
        {"raw_path": b"/p/"},
        {"raw_path": b"/%70"},
        {"query": b"x=2"},
        {"query": b"x=1&x=1"},
        {"query": b""},
        {"body_sha256": "1" * 64},
        {"headers": {b"a": b"2"}},
        {"headers": {b"a": b"12", b"b": b""}},
        {"headers": {b"a": b"", b"b": b"12"}},
        {"headers": {b"x-mq-timestamp": b"1790000001"}},
        {"headers": {b"x-mq-nonce": NONCE[::-1]}},
        {"raw_path": b"/", "query": b"p&x=1"},
    ],
)
def test_every_part_of_the_request_is_in_the_text(changes: dict[str, object]) -> None:
    assert text_of(**changes) != text_of()


def test_fields_of_one_name_keep_their_order() -> None:
    assert signature.canonical_query(b"to=earliest&to=latest") != signature.canonical_query(b"to=latest&to=earliest")
    assert signature.canonical_query(b"b=1&a=2") == signature.canonical_query(b"a=2&b=1") == b"a=2&b=1"


def test_bytes_that_look_alike_are_not_made_alike() -> None:
    composed, decomposed = b"\xc3\xa9", b"e\xcc\x81"
    assert signature.canonical_query(b"k=" + composed) == b"k=%C3%A9"
    assert signature.canonical_query(b"k=" + decomposed) == b"k=e%CC%81"
    assert signature.canonical_query(b"k=%c3%a9") == b"k=%C3%A9"
    assert signature.canonical_query(b"a%3D1=2") != signature.canonical_query(b"a=1%3D2")


@pytest.mark.parametrize("part", [{"raw_path": b"/p\nx:1"}, {"headers": {b"a": b"1\nb:2"}}, {"method": "GET\n"}])
def test_a_line_break_inside_a_part_is_refused(part: dict[str, object]) -> None:
    with pytest.raises(Unauthenticated) as caught:
        text_of(**part)
    assert caught.value.code == "SIGNATURE_MISMATCH"


@pytest.mark.parametrize(
    "parameters",
    [
        "",
        "Credential=MQ1",
        "Credential=MQ1, SignedHeaders=x-mq-nonce;x-mq-timestamp, Signature=",
        f"Credential=MQ1, SignedHeaders=x-mq-nonce;x-mq-timestamp, Signature={'0' * 63}",
        f"Credential=MQ1, SignedHeaders=x-mq-nonce;x-mq-timestamp, Signature={'G' * 64}",
        f"Credential=MQ1, SignedHeaders=x-mq-timestamp;x-mq-nonce, Signature={'0' * 64}",
        f"Credential=MQ1, SignedHeaders=x-mq-nonce;x-mq-nonce;x-mq-timestamp, Signature={'0' * 64}",
        f"Credential=MQ1, SignedHeaders=x-mq-nonce, Signature={'0' * 64}",
        f"Credential=MQ1, SignedHeaders=X-MQ-Nonce;x-mq-timestamp, Signature={'0' * 64}",
    ],
)
def test_a_misspelt_header_is_refused(parameters: str) -> None:
    headers = {b"x-mq-nonce": NONCE, b"x-mq-timestamp": b"1790000000"}
    with pytest.raises(Unauthenticated) as caught:
        signature.parse(parameters.encode(), headers)
    assert caught.value.code == "SIGNATURE_MISMATCH"


@pytest.mark.parametrize(
    "headers",
    [
        {b"x-mq-nonce": b"short", b"x-mq-timestamp": b"1"},
        {b"x-mq-nonce": b"x" * 65, b"x-mq-timestamp": b"1"},
        {b"x-mq-nonce": NONCE, b"x-mq-timestamp": b"-1"},
        {b"x-mq-nonce": NONCE, b"x-mq-timestamp": b"1e9"},
        {b"x-mq-nonce": NONCE, b"x-mq-timestamp": "１".encode()},
        {b"x-mq-nonce": NONCE},
        {b"x-mq-timestamp": b"1790000000"},
    ],
)
def test_a_wrong_nonce_or_timestamp_is_refused(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(Unauthenticated):
        claim_of(headers)


@pytest.mark.parametrize(("skew_seconds", "accepted"), [(-299, True), (299, True), (-301, False), (301, False)])
def test_a_signature_lives_five_minutes_either_way(skew_seconds: int, accepted: bool) -> None:
    signed = datetime(2026, 9, 21, 12, tzinfo=UTC)
    headers = {b"x-mq-nonce": NONCE, b"x-mq-timestamp": str(int(signed.timestamp())).encode()}
    with clock.freeze(signed + timedelta(seconds=skew_seconds)):
        if accepted:
            signature.check_age(claim_of(headers))
        else:
            with pytest.raises(Unauthenticated) as caught:
                signature.check_age(claim_of(headers))
            assert caught.value.code == "SIGNATURE_EXPIRED"
            assert caught.value.extra["server_time"] == int(signed.timestamp()) + skew_seconds


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_worse(parameters: bytes) -> None:
    with pytest.raises(Unauthenticated):
        signature.parse(parameters, {b"x-mq-nonce": NONCE, b"x-mq-timestamp": b"1"})


@given(st.binary(max_size=200))
def test_any_query_has_one_canonical_form(query: bytes) -> None:
    once = signature.canonical_query(query)
    assert signature.canonical_query(once) == once
    assert b"\n" not in once
