"""Texts with wildcards: `*` is any text, also none; `?` is one character.

Owns: matching, and whether one pattern covers all that another one does. Must not know: what the texts mean.
Called by: document, evaluation, holdings, advice.

Each piece between two stars is searched once and never again (an atomic group), so that no pattern makes a match go
back and forth: the work grows with length of the text times length of the longest piece, whatever the pattern.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

_STARS = re.compile(r"\*+")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern. Two are equal when their texts and their rule about case are."""

    text: str
    ignores_case: bool = False
    _regex: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_regex", _compile(self.text, self.ignores_case))

    def matches(self, text: str) -> bool:
        """Returns True if the whole text fits."""
        return self._regex.match(text) is not None

    def covers(self, other: "Pattern") -> bool:
        """Returns True if whatever fits `other` fits this one. May say False of an odd pair; True is always right.

        The other's wildcards are read as characters: its star fits only under a star of this one.
        """
        # A question mark of ours must not swallow a star of theirs, so theirs becomes something it cannot match.
        return _covering(self.text, self.ignores_case).match(_STARS.sub("\n", other.text)) is not None

    @property
    def has_wildcard(self) -> bool:
        """Returns True if the pattern can fit more than one text."""
        return "*" in self.text or "?" in self.text


@lru_cache(maxsize=4096)
def _compile(text: str, ignores_case: bool) -> re.Pattern[str]:
    flags = re.DOTALL | (re.IGNORECASE if ignores_case else re.NOFLAG)
    return re.compile(_regex_text(text, any_one="."), flags)


@lru_cache(maxsize=1024)
def _covering(text: str, ignores_case: bool) -> re.Pattern[str]:
    flags = re.DOTALL | (re.IGNORECASE if ignores_case else re.NOFLAG)
    return re.compile(_regex_text(text, any_one=r"[^\n]"), flags)


def _regex_text(text: str, *, any_one: str) -> str:
    pieces = [
        "".join(any_one if char == "?" else re.escape(char) for char in piece)
        for piece in _STARS.sub("*", text).split("*")
    ]
    if len(pieces) == 1:
        return rf"{pieces[0]}\Z"
    middle = "".join(f"(?>.*?{piece})" for piece in pieces[1:-1])
    # The last piece has a fixed length: jumping to the end and back by that much is one step.
    return rf"{pieces[0]}{middle}.*{pieces[-1]}\Z" if pieces[-1] else f"{pieces[0]}{middle}"
