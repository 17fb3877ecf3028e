"""What went wrong, in the reader's language.

Owns: finding the sentence an error's text was made from, and filling its values into that sentence's translation.
Must not know: who raised, or why. Called by: the hot door, api and console, where an error leaves the server.

Rooms below raise in English, which stands in logs, in the audit and on every other wire; the code beside it never
changes. Translations are in `locale/<language>/errors.json`: each sentence as it stands in the source, `{}` where a
value goes. In a translation `{0}` is the first value as it is, `{p0}` the first value, itself a phrase, translated.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from django.conf import settings
from django.utils.translation import to_locale

_FILE = "errors.json"
_LONGEST_CHARS = 4000  # a text longer than any of ours with its values stays as it is
_DEPTH = 4  # a phrase in a phrase in a phrase
_ACCEPT_CHARS = 500
_REMEMBERED = 512  # a batch may tell the same a thousand times
_FULL_STOP = {"zh-hans": "。"}


@dataclass(frozen=True, slots=True)
class _Sentence:
    """What stands between the values, one part more than there are values, and the translation."""

    parts: tuple[str, ...]
    translation: str

    def values(self, text: str) -> list[str] | None:
        """Returns the values that make `text` of the parts, None when it was not made of them. Linear in the text."""
        first, last = self.parts[0], self.parts[-1]
        end = len(text) - len(last)
        if len(first) > end or not text.startswith(first) or not text.endswith(last):
            return None
        found, at = [], len(first)
        for part in self.parts[1:-1]:
            next_at = text.find(part, at, end)
            if next_at < 0:
                return None
            found.append(text[at:next_at])
            at = next_at + len(part)
        return [*found, text[at:end]]


@dataclass(frozen=True, slots=True)
class _Book:
    """The sentences, or the phrases, of one language: those without values by their text, others the surest first."""

    whole: Mapping[str, str]
    others: Sequence[_Sentence]


@lru_cache(_REMEMBERED)
def translate(text: str, language: str | None) -> str:
    """Returns an error's text in `language` (as Django names it); the text itself when there is no translation."""
    if language is None or language.startswith("en") or len(text) > _LONGEST_CHARS:
        return text
    sentences, phrases = _books(language)
    found = _find(text, sentences, phrases, depth=_DEPTH)
    if found is None and text.endswith("."):
        inner = _find(text[:-1], phrases, phrases, depth=_DEPTH)
        found = None if inner is None else inner + _FULL_STOP.get(language, ".")
    return found or _find(text, phrases, phrases, depth=_DEPTH) or text


def language_of(accepted: str) -> str:
    """Returns which of our languages an Accept-Language header likes best; English when it says nothing of them."""
    best, weight = "en", 0.0
    for part in accepted[:_ACCEPT_CHARS].split(","):
        tag, _, quality = part.strip().lower().partition(";q=")
        ours = next((code for code, _ in settings.LANGUAGES if code.partition("-")[0] == tag.partition("-")[0]), None)
        given = _quality(quality)
        if ours is not None and given > weight:
            best, weight = ours, given
    return best


def _quality(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0


def _find(text: str, book: _Book, phrases: _Book, *, depth: int) -> str | None:
    known = book.whole.get(text)
    if known is not None:
        return known
    for sentence in book.others:
        values = sentence.values(text)
        if values is not None:
            inner = {
                f"p{number}": (_find(value, phrases, phrases, depth=depth - 1) if depth else None) or value
                for number, value in enumerate(values)
                if f"{{p{number}}}" in sentence.translation
            }
            return sentence.translation.format(*values, **inner)
    return None


@cache
def _books(language: str) -> tuple[_Book, _Book]:
    """Returns the sentences and the phrases of a language; empty ones when nobody translated them."""
    for place in settings.LOCALE_PATHS:
        path = Path(place) / to_locale(language) / _FILE
        if path.exists():
            texts = json.loads(path.read_text("utf-8"))
            return _book(texts["sentences"]), _book(texts["phrases"])
    return _book({}), _book({})


def _book(texts: Mapping[str, str]) -> _Book:
    whole = {_plain(text): _plain(translation) for text, translation in texts.items() if "{}" not in _marked(text)}
    others = [
        _Sentence(tuple(_plain(part) for part in text.split("{}")), translation)
        for text, translation in texts.items()
        if "{}" in _marked(text)
    ]
    # What begins with words of its own fits less by chance than what begins with a value; so does what is longer.
    return _Book(whole, sorted(others, key=lambda one: (not one.parts[0], -sum(map(len, one.parts)))))


def _marked(text: str) -> str:
    return text.replace("{{", "").replace("}}", "")


def _plain(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")
