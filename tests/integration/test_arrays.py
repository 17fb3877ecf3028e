"""Arrays packed by hand are what PostgreSQL reads as arrays."""

from typing import Any

import pytest

from brokers.store import arrays, session


@pytest.mark.parametrize(
    ("packed", "kind", "expected"),
    [
        (arrays.int4s([]), "integer[]", []),
        (arrays.int4s([0, -1, 2**31 - 1, -(2**31)]), "integer[]", [0, -1, 2**31 - 1, -(2**31)]),
        (arrays.int8s([5, -(2**63), 2**63 - 1]), "bigint[]", [5, -(2**63), 2**63 - 1]),
        (arrays.texts(["a", None, "", "日本 🙂", '{,}"\\']), "text[]", ["a", None, "", "日本 🙂", '{,}"\\']),
        (arrays.texts([None]), "text[]", [None]),
        (arrays.byteas([b"", b"\x00\xff", b"x" * 100_000]), "bytea[]", [b"", b"\x00\xff", b"x" * 100_000]),
    ],
)
def test_what_was_packed_is_what_the_database_holds(
    database: None, packed: Any, kind: str, expected: list[Any]
) -> None:
    with session.cursor() as cur:
        cur.execute(f"SELECT %(a)s::{kind}, cardinality(%(a)s::{kind})", {"a": packed})
        row = cur.fetchone()
    assert row is not None
    assert [bytes(v) if isinstance(v, memoryview) else v for v in row[0] or []] == expected
    assert row[1] == len(expected)
