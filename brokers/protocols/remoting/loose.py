"""JSON as RocketMQ's Java clients write it: a key may be a number or a whole object.

Owns: reading that into plain values. Must not know: what the values mean. Called by: protocols.remoting.bodies.
Whatever the bytes, only ProtocolViolation is raised. Linear: every character is looked at once.
Source: fastjson's writing of maps, apache/rocketmq remoting/.../protocol/body/ConsumerRunningInfo.java.
"""

import re
from dataclasses import dataclass
from typing import Any

from ...domain import limits
from ...domain.errors import ProtocolViolation

_BLANK = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}
_PLAIN = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Pairs:
    """An object some of whose keys are objects, as (key, value) in order."""

    items: tuple[tuple[Any, Any], ...]  # Any: JSON values


def read(body: bytes) -> Any:  # Any: JSON values
    """Returns the value in `body`; an object with a key that is no text as `Pairs`."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ProtocolViolation("a body is not UTF-8") from error
    reader = _Reader(text)
    found = reader.value(0)
    if reader.peek():
        raise ProtocolViolation("something follows a body's JSON")
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def peek(self) -> str:
        match = _BLANK.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._text[self._at : self._at + 1]

    def value(self, depth: int) -> Any:  # Any: JSON values
        if depth > limits.JSON_DEPTH:
            raise ProtocolViolation("a body nests too deeply")
        first = self.peek()
        if first == "{":
            return self._object(depth)
        if first == "[":
            return self._list(depth)
        match = _WORD.match(self._text, self._at)
        if match is None:
            raise ProtocolViolation("a body is not JSON")
        self._at = match.end()
        return _plain(match.group())

    def _object(self, depth: int) -> Any:  # Any: JSON values
        self._at += 1
        items: list[tuple[Any, Any]] = []
        while self.peek() != "}":
            if items:
                self._expect(",")
            key = self.value(depth + 1)
            self._expect(":")
            items.append((key, self.value(depth + 1)))
        self._at += 1
        if all(isinstance(key, str) for key, _ in items):
            return dict(items)
        return Pairs(tuple(items))

    def _list(self, depth: int) -> list[Any]:  # Any: JSON values
        self._at += 1
        items: list[Any] = []
        while self.peek() != "]":
            if items:
                self._expect(",")
            items.append(self.value(depth + 1))
        self._at += 1
        return items

    def _expect(self, sign: str) -> None:
        if self.peek() != sign:
            raise ProtocolViolation("a body is not JSON")
        self._at += 1


def _plain(word: str) -> Any:  # Any: JSON values
    if word in _PLAIN:
        return _PLAIN[word]
    if word[0] != '"':
        try:
            return float(word) if any(c in word for c in ".eE") else int(word)
        except ValueError as error:  # more digits than Python reads
            raise ProtocolViolation("a number in a body is too long") from error
    text = _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _ESCAPES.get(m[2], m[2]), word[1:-1])
    # Two escapes may be the halves of one character; a half alone is none.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if not text.isascii() else text
