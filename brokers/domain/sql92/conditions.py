"""What an SQL92 filter asks of one message.

Owns: the values, their comparison and three-valued logic. Must not know: texts of filters. Called by:
domain.sql92.parser makes conditions, domain.filters asks them.
Source: apache/rocketmq filter/.../expression/ComparisonExpression.java, UnaryExpression.java, LogicExpression.java.

A property is text, and becomes what it is compared with: a 32-bit or 64-bit number, a fraction, a truth value. Where
it cannot, there is no answer (`Unanswerable`), and the message is not wanted. A property that is missing is unknown
(None). Nodes are immutable; how deep they nest is the parser's concern.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Long(int):
    """A whole number that needs, or was given, 64 bits; any other `int` here is one of 32."""


Value = str | bool | int | float | None
Look = Callable[[str], str | None]

_WHOLE = re.compile(r"([+-]?)0*(\d{1,19})")
_FRACTION = re.compile(r"[+-]?(?:NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?)")


class Unanswerable(Exception):
    """A property does not have the type it is compared with."""


class Node(Protocol):
    """Part of a filter."""

    @property
    def is_condition(self) -> bool:
        """Returns True if this is true, false or unknown, and never another value."""

    def value(self, look: Look) -> Value:
        """Returns the value for the message whose properties `look` finds. Raises Unanswerable."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a text, TRUE, FALSE or NULL."""

    constant: Value

    @property
    def is_condition(self) -> bool:
        """Returns True for TRUE, FALSE and NULL."""
        return self.constant is None or isinstance(self.constant, bool)

    def value(self, look: Look) -> Value:
        """Returns the constant."""
        return self.constant


@dataclass(frozen=True, slots=True)
class Property:
    """A message's property."""

    name: str
    is_condition = False

    def value(self, look: Look) -> Value:
        """Returns the property's text."""
        return look(self.name)


@dataclass(frozen=True, slots=True)
class Negative:
    """A number with the other sign; unknown for what is no number."""

    of: Node
    is_condition = False

    def value(self, look: Look) -> Value:
        """Returns the number."""
        number = self.of.value(look)
        if number is None or isinstance(number, bool | str):
            return None
        return Long(-number) if isinstance(number, Long) else -number


@dataclass(frozen=True, slots=True)
class Truth:
    """A bare property as a condition: text is never true, and what is missing is unknown."""

    of: Property
    is_condition = True

    def value(self, look: Look) -> bool | None:
        """Returns False or None."""
        return None if self.of.value(look) is None else False


@dataclass(frozen=True, slots=True)
class Not:
    """NOT."""

    of: Node
    is_condition = True

    def value(self, look: Look) -> bool | None:
        """Returns the opposite; unknown stays unknown."""
        inner = self.of.value(look)
        return None if inner is None else not inner


@dataclass(frozen=True, slots=True)
class Every:
    """AND. What comes after a false part is not looked at, so it may be unanswerable."""

    parts: tuple[Node, ...]
    is_condition = True

    def value(self, look: Look) -> bool | None:
        """Returns False if a part is, else None if a part is unknown, else True."""
        answer: bool | None = True
        for part in self.parts:
            found = part.value(look)
            if found is False:
                return False
            if found is None:
                answer = None
        return answer


@dataclass(frozen=True, slots=True)
class Either:
    """OR. What comes after a true part is not looked at."""

    parts: tuple[Node, ...]
    is_condition = True

    def value(self, look: Look) -> bool | None:
        """Returns True if a part is, else None if a part is unknown, else False."""
        answer: bool | None = False
        for part in self.parts:
            found = part.value(look)
            if found is True:
                return True
            if found is None:
                answer = None
        return answer


@dataclass(frozen=True, slots=True)
class Equal:
    """=. As on RocketMQ's broker, two missing sides are equal, and a side that is there never equals a missing one
    on its right; only a missing left side makes the answer unknown.
    """

    left: Node
    right: Node
    is_condition = True

    def value(self, look: Look) -> bool | None:
        """Returns whether the sides are equal."""
        left, right = self.left.value(look), self.right.value(look)
        if left is None:
            return True if right is None else None
        return False if right is None else compare(left, right) == 0


@dataclass(frozen=True, slots=True)
class Order:
    """<, <=, > and >=, of numbers: two texts are read as fractions."""

    sign: str
    left: Node
    right: Node
    is_condition = True

    def value(self, look: Look) -> bool | None:
        """Returns whether the sides stand in this order; unknown when one is missing."""
        left = self.left.value(look)
        if left is None:
            return None
        right = self.right.value(look)
        if right is None:
            return None
        if isinstance(left, str) and isinstance(right, str):
            left, right = _fraction(left), _fraction(right)
        found = compare(left, right)
        if found == 0:
            return self.sign in {"<=", ">="}
        return self.sign[0] == ("<" if found < 0 else ">")


@dataclass(frozen=True, slots=True)
class IsNull:
    """IS NULL."""

    of: Node
    is_condition = True

    def value(self, look: Look) -> bool:
        """Returns whether there is no value."""
        return self.of.value(look) is None


@dataclass(frozen=True, slots=True)
class In:
    """IN and NOT IN, of texts; unknown when the property is missing."""

    of: Property
    texts: frozenset[str]
    is_negated: bool
    is_condition = True

    def value(self, look: Look) -> bool | None:
        """Returns whether the property is one of the texts."""
        found = look(self.of.name)
        return None if found is None else (found in self.texts) != self.is_negated


@dataclass(frozen=True, slots=True)
class Holds:
    """CONTAINS, STARTSWITH and ENDSWITH with or without NOT: false for what is no text, and for an empty `part`."""

    how: str
    of: Node
    part: str
    is_negated: bool
    is_condition = True

    def value(self, look: Look) -> bool:
        """Returns whether the text has, or has not, this part."""
        text = self.of.value(look)
        if not self.part or not isinstance(text, str):
            return False
        if self.how == "CONTAINS":
            found = self.part in text
        elif self.how == "STARTSWITH":
            found = text.startswith(self.part)
        else:
            found = text.endswith(self.part)
        return found != self.is_negated


def compare(left: str | bool | int | float, right: str | bool | int | float) -> int:
    """Returns a negative number, 0 or a positive one. Raises Unanswerable.

    A truth value and a number do not compare; RocketMQ calls the first the lesser, so neither are they equal.
    """
    if isinstance(left, str):
        return _order(left if isinstance(right, str) else _as(right, left), right)
    if isinstance(right, str):
        return _order(left, _as(left, right))
    if isinstance(left, bool) != isinstance(right, bool):
        return -1
    if isinstance(left, float) or isinstance(right, float):
        return _order(float(left), float(right))
    return _order(left, right)


def _order(left: str | int | float, right: str | int | float) -> int:
    # The types are the same by now. Fractions are ordered as Java does: -0.0 before 0.0, NaN equal to itself and last.
    a, b = (_rank(left), _rank(right)) if isinstance(left, float) and isinstance(right, float) else (left, right)
    if a == b:
        return 0
    return -1 if a < b else 1  # type: ignore[operator]  # two of one type


def _rank(number: float) -> tuple[bool, float, float]:
    if math.isnan(number):
        return True, 0.0, 0.0
    return False, number, math.copysign(1.0, number)


def _as(like: bool | int | float, text: str) -> bool | int | float:
    if isinstance(like, bool):
        return text.lower() == "true"
    if isinstance(like, float):
        return _fraction(text)
    match = _WHOLE.fullmatch(text)
    number = int(match[1] + match[2]) if match else None
    bits = 63 if isinstance(like, Long) else 31
    if number is None or not -(1 << bits) <= number < 1 << bits:
        raise Unanswerable
    return number


def _fraction(text: str) -> float:
    stripped = text.strip("".join(map(chr, range(33))))
    if not _FRACTION.fullmatch(stripped):
        raise Unanswerable
    return float(stripped if stripped.endswith("Infinity") else stripped.rstrip("fFdD"))
