"""The words of an SQL92 filter.

Owns: what a word is, and where it stands. Must not know: what words mean together. Called by: domain.sql92.parser.
Linear in the length of the text: no word is looked at more than twice.
Source: apache/rocketmq filter/.../parser/SelectorParser.jj.
"""

import re
from dataclasses import dataclass

from .. import limits
from ..errors import Rejected

KEYWORDS = frozenset("AND OR NOT BETWEEN IN IS NULL TRUE FALSE CONTAINS STARTSWITH ENDSWITH".split())
NAME, WHOLE, FRACTION, TEXT, SIGN, END = "name", "whole", "fraction", "text", "sign", "end"

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\n\r\f]+|--[^\n\r]*|/\*.*?\*/)
      |(?P<fraction>(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)
      |(?P<whole>[0-9]+[lL]?)
      |(?P<text>'(?:''|[^'])*')
      |(?P<name>[A-Za-z_$][A-Za-z0-9_$]*)
      |(?P<sign><>|<=|>=|[=<>(),+-])""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word: its kind, its text (a keyword in capitals, a quoted text without its quotes), and where it begins.

    A keyword's kind is the keyword itself, a sign's the sign.
    """

    kind: str
    text: str
    at: int

    def __str__(self) -> str:
        return "the end" if self.kind == END else repr(self.text)


def read(expression: str) -> list[Token]:
    """Returns the words of `expression` and one END. Raises Rejected for what is no word, and for too long a text."""
    if len(expression) > limits.SQL_FILTER_CHARS:
        raise Rejected(f"An SQL filter has at most {limits.SQL_FILTER_CHARS} characters.")
    found: list[Token] = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            raise _unknown(expression, at)
        if match.lastgroup != "blank":
            found.append(_token(str(match.lastgroup), match.group(), at))
        at = match.end()
    found.append(Token(END, "", at))
    return found


def _token(kind: str, text: str, at: int) -> Token:
    if kind == NAME and text.upper() in KEYWORDS:
        return Token(text.upper(), text.upper(), at)
    if kind == TEXT:
        return Token(TEXT, text[1:-1].replace("''", "'"), at)
    return Token(text if kind == SIGN else kind, text, at)


def _unknown(expression: str, at: int) -> Rejected:
    rest = expression[at:]
    if rest.startswith("'"):
        hint = "a text in quotes has no end; a quote inside is written twice"
    elif rest.startswith(("!=", "==")):
        hint = "unequal is written <>, equal ="
    elif rest.startswith('"'):
        hint = "texts stand in single quotes, names of properties in none"
    elif rest.startswith("/*"):
        hint = "a comment has no end"
    else:
        hint = f"{rest[0]!r} means nothing here"
    return Rejected(f"SQL filter, character {at + 1}: {hint}.")
