"""From the text of an SQL92 filter to its condition.

Owns: the grammar, what may stand where, and how deep things may nest. Must not know: messages.
Called by: domain.filters. Whatever the text, only Rejected is raised, and it says where.
Source: apache/rocketmq filter/.../parser/SelectorParser.jj, filter/.../expression/ConstantExpression.java. Unlike
there, what follows a whole condition is refused and not passed over. As there, NOT binds closer than a comparison.
"""

from .. import limits
from ..errors import Rejected
from . import tokens
from .conditions import (
    Constant,
    Either,
    Equal,
    Every,
    Holds,
    In,
    IsNull,
    Long,
    Negative,
    Node,
    Not,
    Order,
    Property,
    Truth,
    compare,
)
from .tokens import END, FRACTION, NAME, TEXT, WHOLE, Token

_ORDERS = frozenset({"<", "<=", ">", ">="})
_HOLDS = frozenset({"CONTAINS", "STARTSWITH", "ENDSWITH"})
_LITERALS: dict[str, bool | None] = {"TRUE": True, "FALSE": False, "NULL": None}


def parse(expression: str) -> Node:
    """Returns the condition `expression` states. Raises Rejected."""
    return _Parser(tokens.read(expression)).whole()


class _Parser:
    def __init__(self, words: list[Token]) -> None:
        self._words = words
        self._position = 0
        self._depth = 0
        # Comparisons of comparisons (`a = b = c`), which nest without brackets.
        self._chained = 0

    def whole(self) -> Node:
        at = self._word
        found = self._any()
        if self._word.kind != END:
            raise self._error("AND, OR or the end")
        return self._condition(found, at)

    @property
    def _word(self) -> Token:
        return self._words[self._position]

    @property
    def _next(self) -> Token:
        return self._words[min(self._position + 1, len(self._words) - 1)]

    def _take(self, kind: str) -> bool:
        if self._word.kind != kind:
            return False
        self._position += 1
        return True

    def _any(self) -> Node:
        at = self._word
        first = self._every()
        if self._word.kind != "OR":
            return first
        parts = [self._condition(first, at)]
        while self._take("OR"):
            at = self._word
            parts.append(self._condition(self._every(), at))
        return Either(tuple(parts))

    def _every(self) -> Node:
        at = self._word
        first = self._equality()
        if self._word.kind != "AND":
            return first
        parts = [self._condition(first, at)]
        while self._take("AND"):
            at = self._word
            parts.append(self._condition(self._equality(), at))
        return Every(tuple(parts))

    def _equality(self) -> Node:
        at = self._word
        left = self._comparison()
        for turn in range(limits.SQL_FILTER_CHARS):
            if self._word.kind not in {"=", "<>", "IS"}:
                break
            self._count_chained(turn)
            sign = self._word.kind
            self._position += 1
            if sign == "IS":
                is_negated = self._take("NOT")
                if not self._take("NULL"):
                    raise self._error("NULL")
                left = Not(IsNull(left)) if is_negated else IsNull(left)
                continue
            equal = self._equal(left, self._comparison(), at)
            left = Not(equal) if sign == "<>" else equal
        return left

    def _comparison(self) -> Node:
        at = self._word
        left = self._signed()
        for turn in range(limits.SQL_FILTER_CHARS):
            is_negated = self._word.kind == "NOT" and self._next.kind in _HOLDS | {"BETWEEN", "IN"}
            operator = self._next.kind if is_negated else self._word.kind
            if operator not in _ORDERS | _HOLDS | {"BETWEEN", "IN"}:
                break
            self._count_chained(turn)
            self._position += 2 if is_negated else 1
            if operator in _ORDERS:
                left = self._order(operator, left, self._signed(), at=at)
            elif operator in _HOLDS:
                left = Holds(operator, left, self._text(), is_negated)
            elif operator == "BETWEEN":
                left = self._between(left, at, is_negated=is_negated)
            else:
                left = self._in(left, at, is_negated=is_negated)
        return left

    def _between(self, left: Node, at: Token, *, is_negated: bool) -> Node:
        low = self._signed()
        if not self._take("AND"):
            raise self._error("AND and the upper bound")
        high = self._signed()
        if is_negated:
            return Either((self._order("<", left, low, at=at), self._order(">", left, high, at=at)))
        both = Every((self._order(">=", left, low, at=at), self._order("<=", left, high, at=at)))
        if isinstance(low, Constant) and isinstance(high, Constant):
            bottom, top = low.constant, high.constant
            # What is no number was refused a line above.
            if bottom is not None and top is not None and compare(top, bottom) < 0:
                raise _wrong(at, f"BETWEEN {bottom} AND {top} holds nothing; the lower bound comes first")
        return both

    def _in(self, left: Node, at: Token, *, is_negated: bool) -> Node:
        if not isinstance(left, Property):
            raise _wrong(at, "IN asks about a property")
        if not self._take("("):
            raise self._error("( and a list of texts")
        texts = [self._text()]
        while self._take(","):
            texts.append(self._text())
        if not self._take(")"):
            raise self._error(", or )")
        return In(left, frozenset(texts), is_negated)

    def _signed(self) -> Node:
        word = self._word
        if word.kind not in {"+", "-", "NOT"}:
            return self._primary()
        self._position += 1
        self._enter(word)
        inner_at = self._word
        inner = self._signed()
        self._depth -= 1
        if word.kind == "NOT":
            return Not(self._condition(inner, inner_at))
        return Negative(inner) if word.kind == "-" else inner

    def _primary(self) -> Node:
        word = self._word
        self._position += 1
        if word.kind == NAME:
            return Property(word.text)
        if word.kind == TEXT:
            return Constant(word.text)
        if word.kind in {WHOLE, FRACTION}:
            return Constant(_number(word))
        if word.kind in _LITERALS:
            return Constant(_LITERALS[word.kind])
        if word.kind == "(":
            self._enter(word)
            inner = self._any()
            self._depth -= 1
            if not self._take(")"):
                raise self._error(")")
            return inner
        self._position -= 1
        raise self._error("a property, a number or a text in quotes")

    def _text(self) -> str:
        word = self._word
        if not self._take(TEXT):
            raise self._error("a text in quotes")
        return word.text

    def _condition(self, node: Node, at: Token) -> Node:
        if node.is_condition:
            return node
        if isinstance(node, Property):
            return Truth(node)
        raise _wrong(at, f"{at} is a value; compare it with something")

    def _equal(self, left: Node, right: Node, at: Token) -> Node:
        for side in (left, right):
            if isinstance(side, Constant) and side.constant is None:
                raise _wrong(at, "nothing equals NULL; write IS NULL or IS NOT NULL")
        if isinstance(left, Constant) and isinstance(right, Constant) and left.is_condition and not right.is_condition:
            raise _wrong(at, f"{at} cannot be compared with another type")
        return Equal(left, right)

    def _order(self, sign: str, left: Node, right: Node, *, at: Token) -> Node:
        for side in (left, right):
            is_number = isinstance(side, Constant) and not side.is_condition and not isinstance(side.constant, str)
            if side.is_condition or (isinstance(side, Constant) and not is_number):
                raise _wrong(at, f"only numbers can be compared by {sign} or BETWEEN")
        return Order(sign, left, right)

    def _enter(self, word: Token) -> None:
        self._depth += 1
        if self._depth > limits.SQL_FILTER_DEPTH:
            raise _wrong(word, f"brackets, NOT and signs nest at most {limits.SQL_FILTER_DEPTH} deep")

    def _count_chained(self, turn: int) -> None:
        self._chained += turn > 0
        if self._chained > limits.SQL_FILTER_DEPTH:
            raise _wrong(self._word, "too many comparisons of comparisons; join them by AND or OR")

    def _error(self, wanted: str) -> Rejected:
        return _wrong(self._word, f"{self._word} stands where {wanted} should")


def _number(word: Token) -> int | float:
    if word.kind == FRACTION:
        fraction = float(word.text)
        if fraction == float("inf"):
            raise _wrong(word, f"{word.text} is too large")
        return fraction
    digits = word.text.rstrip("lL")
    if len(digits) > 19 or (len(digits) > 1 and digits.startswith("0")) or int(digits) >= 1 << 63:
        raise _wrong(word, f"{word.text} is no whole number of 64 bits")
    number = int(digits)
    return number if number < 1 << 31 else Long(number)


def _wrong(word: Token, what: str) -> Rejected:
    return Rejected(f"SQL filter, character {word.at + 1}: {what}.")
