"""A second, slower reading of SQL92 filters: conditions as nested tuples, a text for each, and what each means.

Written from the rules in words and not from the product's code, so that both can be held against each other.
An unknown answer is None; NO_ANSWER is raised where a property does not have the type it is compared with.
"""

import re
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

NAMES = ("a", "b", "Price", "$x_1", "TAGS")
WORDS = ("", "x", "5", "true", "2.5", "-3", "it's", "3000000000", " 7 ", "00012", "+4", "1e2", "red wine")


_OPPOSITE: dict[bool | None, bool | None] = {True: False, False: True, None: None}


class NoAnswer(Exception):
    pass


def _number_literals() -> st.SearchStrategy[Any]:
    wholes = st.sampled_from([0, 5, 12, 100, 2**31 - 1, 2**31, 3_000_000_000, 2**63 - 1])
    fractions = st.sampled_from(["2.5", ".5", "5.", "1e2", "1.0E-2"])
    return st.one_of(wholes.map(lambda n: ("whole", n)), fractions.map(lambda f: ("fraction", f)))


names = st.sampled_from(NAMES).map(lambda n: ("name", n))
texts = st.sampled_from(WORDS).map(lambda t: ("text", t))
truths = st.sampled_from([("truth", True), ("truth", False)])
numbers = st.one_of(_number_literals(), _number_literals().map(lambda n: ("minus", n)))
_text_lists = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6)
_leaves = st.one_of(
    names.map(lambda n: ("bare", n)),
    truths,
    st.just(("unknown",)),
    st.tuples(st.sampled_from(["=", "<>"]), names, st.one_of(names, texts, numbers, truths)),
    st.tuples(st.sampled_from(["=", "<>"]), st.one_of(texts, numbers), names),
    st.tuples(st.sampled_from(["<", "<=", ">", ">="]), names, st.one_of(names, numbers)),
    st.tuples(st.sampled_from(["<", "<=", ">", ">="]), numbers, names),
    st.tuples(st.just("between"), names, st.tuples(st.just("minus"), _number_literals()), _number_literals()),
    st.tuples(st.just("not between"), names, numbers, numbers),
    st.tuples(st.sampled_from(["in", "not in"]), names, _text_lists),
    st.tuples(st.sampled_from(["is null", "is not null"]), names),
    st.tuples(
        st.sampled_from(["contains", "startswith", "endswith", "not contains", "not startswith", "not endswith"]),
        names,
        st.sampled_from(WORDS),
    ),
)
conditions = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.just("and"), inner, inner),
        st.tuples(st.just("or"), inner, inner),
    ),
    max_leaves=8,
)
properties = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(WORDS))


def write(c: Any) -> str:
    """Returns the filter's text, every part of a condition in brackets."""
    kind = c[0]
    if kind in {"name", "fraction"}:
        return str(c[1])
    if kind == "whole":
        return str(c[1])
    if kind == "text":
        return quote(c[1])
    if kind == "truth":
        return str(c[1])
    if kind == "unknown":
        return "null"
    if kind == "minus":
        return f"- {write(c[1])}"
    if kind == "bare":
        return write(c[1])
    if kind in {"between", "not between"}:
        return f"{write(c[1])} {kind} {write(c[2])} AND {write(c[3])}"
    if kind in {"in", "not in"}:
        return f"{write(c[1])} {kind} ({', '.join(map(quote, c[2]))})"
    if kind in {"is null", "is not null"}:
        return f"{write(c[1])} {kind.upper()}"
    if kind.endswith(("contains", "startswith", "endswith")):
        return f"{write(c[1])} {kind.title()} {quote(c[2])}"
    if kind == "not":
        return f"NOT ({write(c[1])})"
    if kind in {"and", "or"}:
        return f"({write(c[1])}) {kind} ({write(c[2])})"
    return f"{write(c[1])} {kind} {write(c[2])}"


def quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def wants(c: Any, have: dict[str, str]) -> bool:
    """Returns whether a message with these properties is wanted."""
    try:
        return truth(c, have) is True
    except NoAnswer:
        return False


def truth(c: Any, have: dict[str, str]) -> bool | None:
    kind = c[0]
    if kind == "truth":
        return bool(c[1])
    if kind == "unknown":
        return None
    if kind == "bare":
        return False if c[1][1] in have else None
    if kind == "not":
        return _OPPOSITE[truth(c[1], have)]
    if kind in {"and", "or"}:
        return _joined(c, have)
    if kind == "<>":
        return _OPPOSITE[truth(("=", c[1], c[2]), have)]
    if kind == "=":
        return _equal(_value(c[1], have), _value(c[2], have))
    if kind in {"<", "<=", ">", ">="}:
        return _ordered(kind, _value(c[1], have), _value(c[2], have))
    if kind == "between":
        return truth(("and", (">=", c[1], c[2]), ("<=", c[1], c[3])), have)
    if kind == "not between":
        return truth(("or", ("<", c[1], c[2]), (">", c[1], c[3])), have)
    text = have.get(c[1][1])
    if kind in {"is null", "is not null"}:
        return bool((text is None) == (kind == "is null"))
    if kind in {"in", "not in"}:
        return None if text is None else bool((text in c[2]) == (kind == "in"))
    return _holds(kind, text, c[2])


def _joined(c: Any, have: dict[str, str]) -> bool | None:
    decides = c[0] == "or"
    first = truth(c[1], have)
    if first is decides:
        return decides
    second = truth(c[2], have)
    if second is decides:
        return decides
    return None if first is None or second is None else not decides


def _holds(kind: str, text: str | None, part: str) -> bool:
    if text is None or part == "":
        return False
    if kind.endswith("contains"):
        found = text.find(part) >= 0
    elif kind.endswith("startswith"):
        found = text[: len(part)] == part
    else:
        found = text[-len(part) :] == part
    return not found if kind.startswith("not") else found


def _value(c: Any, have: dict[str, str]) -> Any:
    """Returns None, or (type, value): text, truth, int, long, double."""
    kind = c[0]
    if kind == "name":
        return ("text", have[c[1]]) if c[1] in have else None
    if kind == "whole":
        return ("int" if c[1] < 2**31 else "long", Decimal(c[1]))
    if kind == "fraction":
        return ("double", Decimal(c[1]))
    if kind == "minus":
        what, number = _value(c[1], have)
        return (what, -number)
    return (kind, c[1])


def _read(text: str, what: str) -> Any:
    if what == "truth":
        return text.upper() == "TRUE"
    if what == "double":
        if not re.match(r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$", text.strip()):
            raise NoAnswer
        return Decimal(text.strip())
    low, high = (-(2**31), 2**31 - 1) if what == "int" else (-(2**63), 2**63 - 1)
    if not re.match(r"^[+-]?[0-9]+$", text) or not low <= Decimal(text) <= high:
        raise NoAnswer
    return Decimal(text)


def _equal(left: Any, right: Any) -> bool | None:
    if left is None:
        return True if right is None else None
    if right is None:
        return False
    if left[0] == "text" and right[0] != "text":
        return bool(_read(left[1], right[0]) == right[1])
    if right[0] == "text" and left[0] != "text":
        return bool(_read(right[1], left[0]) == left[1])
    return bool(left[1] == right[1])


def _ordered(sign: str, left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return None
    a, b = _one(left, right), _one(right, left)
    return bool({"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[sign])


def _one(side: Any, other: Any) -> Any:
    if side[0] != "text":
        return side[1]
    return _read(side[1], "double" if other[0] == "text" else other[0])
