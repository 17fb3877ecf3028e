"""Which messages a subscription wants.

Owns: the tag expression and its match. Must not know: where messages come from. Called by: doors parse, engine matches.
Source: apache/rocketmq remoting/.../filter/FilterAPI.java (`*` or empty is all; else tags split on `||`).
"""

from dataclasses import dataclass

from . import limits
from .errors import Rejected


@dataclass(frozen=True, slots=True)
class TagFilter:
    """Passes messages with one of `tags`; an empty set passes all, also those without a tag."""

    tags: frozenset[str] = frozenset()

    def passes(self, tag: str | None) -> bool:
        """Returns True if a message with this tag is wanted."""
        return not self.tags or (tag is not None and tag in self.tags)

    @property
    def expression(self) -> str:
        """Returns the canonical text: `*`, or the tags in order joined by `||`."""
        return "||".join(sorted(self.tags)) or "*"


EVERYTHING = TagFilter()


def parse_tags(expression: str) -> TagFilter:
    """Returns the filter written as `*`, ``, `a` or `a||b`. Raises Rejected when it is too long."""
    if len(expression) > limits.FILTER_CHARS:
        raise Rejected(f"A filter has at most {limits.FILTER_CHARS} characters.")
    text = expression.strip()
    if text in {"", "*"}:
        return EVERYTHING
    tags = frozenset(part.strip() for part in text.split("||") if part.strip())
    if not tags or "*" in tags:
        return EVERYTHING
    if len(tags) > limits.FILTER_TAG_COUNT:
        raise Rejected(f"A filter names at most {limits.FILTER_TAG_COUNT} tags.")
    return TagFilter(tags)
