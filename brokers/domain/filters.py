"""Which messages a subscription wants.

Owns: the two kinds of filter, by tags and by SQL92, and their texts. Must not know: where messages come from.
Called by: doors parse, engine matches.
Source: apache/rocketmq remoting/.../filter/FilterAPI.java (`*` or empty is all; else tags split on `||`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from . import limits
from .errors import Rejected
from .sql92 import parser
from .sql92.conditions import Node, Unanswerable

# How a noted SQL filter begins; no tag filter's expression does.
_SQL_MARK = "SQL92: "
_PARSED_COUNT = 1000


class Labelled(Protocol):
    """What filters look at of a message."""

    @property
    def tag(self) -> str | None:
        """Returns the message's tag."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Returns the message's keys."""

    @property
    def properties(self) -> Mapping[str, str]:
        """Returns the message's properties."""


@dataclass(frozen=True, slots=True)
class TagFilter:
    """Passes messages with one of `tags`; an empty set passes all, also those without a tag."""

    tags: frozenset[str] = frozenset()

    def passes(self, message: Labelled) -> bool:
        """Returns True if the message is wanted."""
        return not self.tags or message.tag in self.tags

    @property
    def passes_all(self) -> bool:
        """Returns True if nothing is left out."""
        return not self.tags

    @property
    def expression(self) -> str:
        """Returns the canonical text: `*`, or the tags in order joined by `||`."""
        # A tag may begin or end in a bar, which only a blank tells from what joins them.
        is_barred = any(tag.startswith("|") or tag.endswith("|") for tag in self.tags)
        text = (" || " if is_barred else "||").join(sorted(self.tags)) or "*"
        return f"||{text}" if text.startswith(_SQL_MARK) else text


@dataclass(frozen=True, slots=True)
class SqlFilter:
    """Passes messages for which `condition` is true. It sees properties, and TAGS and KEYS."""

    sql: str
    condition: Node

    passes_all = False

    def passes(self, message: Labelled) -> bool:
        """Returns True if the message is wanted: not if the answer is unknown, or there is none."""

        def look(name: str) -> str | None:
            if name == "TAGS":
                return message.tag
            if name == "KEYS":
                return " ".join(message.keys) or None
            return message.properties.get(name)

        try:
            return self.condition.value(look) is True
        except Unanswerable:
            return False

    @property
    def expression(self) -> str:
        """Returns the text by which the filter is noted: a mark and the SQL as it was written."""
        return f"{_SQL_MARK}{self.sql}"


Filter = TagFilter | SqlFilter
EVERYTHING = TagFilter()


def parse_tags(expression: str) -> TagFilter:
    """Returns the filter written as `*`, ``, `a` or `a||b`. Raises Rejected when it is too long."""
    if len(expression) > limits.FILTER_CHARS:
        raise Rejected(f"A filter has at most {limits.FILTER_CHARS} characters.")
    return _tags(expression)


def _tags(expression: str) -> TagFilter:
    text = expression.strip()
    if text in {"", "*"}:
        return EVERYTHING
    tags = frozenset(part.strip() for part in text.split("||") if part.strip())
    if not tags or "*" in tags:
        return EVERYTHING
    if len(tags) > limits.FILTER_TAG_COUNT:
        raise Rejected(f"A filter names at most {limits.FILTER_TAG_COUNT} tags.")
    return TagFilter(tags)


def parse_sql(sql: str) -> SqlFilter:
    """Returns the filter written as SQL92, such as `price > 10 AND colour IN ('red')`. Raises Rejected that says where
    it is wrong.
    """
    if len(sql) > limits.SQL_FILTER_CHARS:
        raise Rejected(f"An SQL filter has at most {limits.SQL_FILTER_CHARS} characters.")
    if "\0" in sql:
        raise Rejected("An SQL filter holds no NUL character.")
    return _parsed(sql.strip())


def parse_noted(expression: str) -> Filter:
    """Returns the filter that has this `expression`. Raises Rejected."""
    if expression.startswith(_SQL_MARK):
        return parse_sql(expression.removeprefix(_SQL_MARK))
    # No limit of characters: the canonical text may be a little longer than what was asked for.
    return _tags(expression)


@lru_cache(maxsize=_PARSED_COUNT)
def _parsed(sql: str) -> SqlFilter:
    # Members send their filter with every request that waits for messages.
    return SqlFilter(sql, parser.parse(sql))
