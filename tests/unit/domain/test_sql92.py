"""SQL92 filters: what they want, what is refused and how it is said, and that no text takes long or breaks anything."""

from dataclasses import dataclass, field
from time import thread_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.domain import filters, limits
from brokers.domain.errors import Rejected
from brokers.domain.filters import EVERYTHING, TagFilter
from tests.unit.domain import naive_sql92 as naive


@dataclass(frozen=True)
class Labels:
    properties: dict[str, str] = field(default_factory=dict)
    tag: str | None = None
    keys: tuple[str, ...] = ()


def wants(sql: str, **properties: str) -> bool:
    return filters.parse_sql(sql).passes(Labels(properties))


@pytest.mark.parametrize(
    ("sql", "properties"),
    [
        ("a = 'x'", {"a": "x"}),
        ("a<>'x'", {"a": "y"}),
        ("a = 5 and b = 5.0", {"a": "5", "b": "5"}),
        ("(a > 5 OR b is null) AND NOT (c = 'it''s')", {"a": "3", "c": "its"}),
        ("a BETWEEN 1 AND 3", {"a": "3"}),
        ("a NOT BETWEEN 1 AND 3", {"a": "4"}),
        ("a IN ('x', 'y')", {"a": "y"}),
        ("a NOT IN ('x', 'y')", {"a": "z"}),
        ("a IS NOT NULL", {"a": ""}),
        ("a = TRUE AND b = false", {"a": "True", "b": "no"}),
        ("TRUE = a", {"a": "true"}),
        ("a CONTAINS 'el' AND a STARTSWITH 'h' AND a ENDSWITH 'o'", {"a": "hello"}),
        ("a NOT CONTAINS 'x'", {"a": "hello"}),
        ("a > b", {"a": "10", "b": "9"}),
        ("a >= -2147483648", {"a": "-3"}),
        ("a = 3000000000 AND b = 5l", {"a": "3000000000", "b": "5"}),
        ("a = b", {}),
        ("TRUE", {}),
        ("NOT a", {"a": "true"}),
        ("NOT a = TRUE", {"a": "true"}),  # NOT binds closer than =
        ("-- what for\n a = 1 /* and\nwhy */", {"a": "1"}),
        ("$a_1 = 1 aNd B = 2", {"$a_1": "1", "B": "2"}),
    ],
)
def test_these_messages_are_wanted(sql: str, properties: dict[str, str]) -> None:
    assert wants(sql, **properties)


@pytest.mark.parametrize(
    ("sql", "properties"),
    [
        ("a = 'x'", {}),
        ("a <> 'x'", {}),
        ("a NOT IN ('x')", {}),
        ("a NOT CONTAINS 'x'", {}),
        ("a CONTAINS ''", {"a": "x"}),
        ("a", {"a": "true"}),
        ("NOT a", {}),
        ("a = 10", {"a": "10.5"}),
        ("a > 5", {"a": "3000000000"}),  # more than the 32 bits of 5
        ("a > 5 OR TRUE", {"a": "x"}),  # no answer, and it comes first
        ("a > b", {"a": "x", "b": "1"}),
        ("A = 1", {"a": "1"}),
        ("NULL", {}),
        ("a = b", {"b": "1"}),
        ("-a < 5", {"a": "1"}),
    ],
)
def test_these_messages_are_not_wanted(sql: str, properties: dict[str, str]) -> None:
    assert not wants(sql, **properties)


def test_an_answer_that_is_known_does_not_need_the_rest() -> None:
    assert wants("TRUE OR a > 5", a="x")


def test_tag_and_keys_are_properties_too() -> None:
    labels = Labels(tag="paid", keys=("o-1", "o-2"))
    for sql in ("TAGS = 'paid'", "TAGS IN ('paid')", "KEYS = 'o-1 o-2'", "KEYS CONTAINS 'o-2'"):
        assert filters.parse_sql(sql).passes(labels)
        assert not filters.parse_sql(sql).passes(Labels())


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("", "character 1: the end stands where a property"),
        ("a >", "character 4: the end stands"),
        ("a = 1 b", "character 7: 'b' stands where AND, OR or the end"),
        ("(a = 1", "character 7: the end stands where )"),
        ("a != 1", "character 3: unequal is written <>"),
        ('a = "x"', "character 5: texts stand in single quotes"),
        ("a = 'x", "character 5: a text in quotes has no end"),
        ("a = 1 /* x", "character 7: a comment has no end"),
        ("a = #", "character 5: '#' means nothing"),
        ("a > 'x'", "only numbers can be compared by >"),
        ("a < TRUE", "only numbers"),
        ("a = NULL", "write IS NULL"),
        ("a IS 5", "'5' stands where NULL"),
        ("a BETWEEN 5 AND 1", "the lower bound comes first"),
        ("a BETWEEN 'x' AND 'y'", "only numbers"),
        ("a IN (1)", "'1' stands where a text in quotes"),
        ("a IN ()", "')' stands where a text"),
        ("5 IN ('x')", "IN asks about a property"),
        ("5", "'5' is a value; compare it"),
        ("a = 1 AND 'x'", "character 11: 'x' is a value"),
        ("a LIKE 'x'", "character 3: 'LIKE' stands where"),
        ("TRUE = 5", "cannot be compared with another type"),
        ("a = 9223372036854775808", "no whole number of 64 bits"),
        ("a = 007", "no whole number"),
        ("a = 1e400", "1e400 is too large"),
    ],
)
def test_what_is_wrong_is_refused_and_told_where(sql: str, told: str) -> None:
    with pytest.raises(Rejected) as refused:
        filters.parse_sql(sql)
    assert told in refused.value.detail


@pytest.mark.parametrize(
    "sql",
    [
        "a = 1" + " " * limits.SQL_FILTER_CHARS,
        "(" * 33 + "TRUE" + ")" * 33,
        "NOT " * 40 + "TRUE",
        "a = 1 AND b = " + "- " * 40 + "1",
        "a" + " = a" * 60,
        "a\0 = 1",
    ],
)
def test_length_and_depth_have_bounds(sql: str) -> None:
    with pytest.raises(Rejected):
        filters.parse_sql(sql)


def test_what_stands_side_by_side_does_not_nest() -> None:
    assert wants(" OR ".join(["a = 1"] * 400), a="1")
    assert wants("(" * 32 + "a = 1" + ")" * 32, a="1")


@settings(max_examples=400)
@given(naive.conditions, naive.properties)
def test_filters_mean_what_a_second_reading_says(condition: Any, properties: dict[str, str]) -> None:
    labels = Labels({k: v for k, v in properties.items() if k != "TAGS"}, properties.get("TAGS"))
    assert filters.parse_sql(naive.write(condition)).passes(labels) == naive.wants(condition, properties)


_scraps = st.sampled_from(
    "a b ' '' ( ) , = <> <= > - + 5 .5 1e9 NOT AND OR IN IS NULL BETWEEN CONTAINS -- /* */ x'y".split()
)


@settings(max_examples=400)
@given(st.one_of(st.text(max_size=60), st.lists(_scraps, max_size=25).map(" ".join)))
def test_whatever_the_text_it_is_refused_or_answers(text: str) -> None:
    try:
        found = filters.parse_sql(text)
    except Rejected as error:
        assert error.detail
        return
    assert found.passes(Labels({"a": "5", "b": "x"})) in {True, False}
    assert filters.parse_noted(found.expression) == found


@pytest.mark.parametrize(
    "seed", ["'a'", "''", "a = ", "-- ", "/* */", "(", "- ", "NOT ", "'", "1.", "a IN ('x',", "\n"]
)
def test_a_long_text_takes_no_longer_than_its_length(seed: str) -> None:
    text = (seed * limits.SQL_FILTER_CHARS)[: limits.SQL_FILTER_CHARS]
    began = thread_time()
    with pytest.raises(Rejected):
        filters.parse_sql(text)
    assert thread_time() - began < 0.5


def test_a_noted_filter_is_of_the_kind_it_was() -> None:
    tags = filters.parse_tags("SQL92: a = 1||b")
    assert isinstance(filters.parse_noted(tags.expression), TagFilter)
    assert filters.parse_noted(tags.expression) == tags
    assert filters.parse_noted("*") == EVERYTHING
