"""Any text as a tag expression and as an SQL filter: a filter that decides, or a refusal in words."""

from dataclasses import dataclass, field

from brokers.domain import filters
from brokers.domain.errors import Rejected
from brokers.domain.filters import Filter
from tests.fuzz import runner

SEEDS = [
    b"*",
    b"paid || late",
    b"price > 10 AND colour IN ('red', 'blue')",
    b"NOT (a IS NULL) OR b BETWEEN -1.5 AND 3e2",
    b"name CONTAINS 'x' AND name NOT STARTSWITH 'y' OR TRUE",
    b"a = 'it''s' AND (b <> TRUE OR c <= 0x10)",
]
FOUND = [
    b"aii ||ld | ||| ld|lae",  # tags that end in a bar were not told from what joins tags
    b"|" + b"||".join(b"%030d" % n for n in range(62)),  # the canonical text was longer than a filter may be
]


@dataclass(frozen=True)
class Labels:
    tag: str | None = "paid"
    keys: tuple[str, ...] = ("k",)
    properties: dict[str, str] = field(default_factory=lambda: {"a": "1", "b": "x", "price": "12.5", "name": "xyz"})


def check(data: bytes) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    for parse in (filters.parse_tags, filters.parse_sql):
        try:
            found: Filter = parse(text)
        except Rejected as error:
            assert error.detail
            continue
        assert found.passes(Labels()) in (True, False)
        assert filters.parse_noted(found.expression) == found


if __name__ == "__main__":
    runner.fuzz(__file__)
