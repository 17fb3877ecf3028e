"""Typed readers for environment variables.

Owns: turning one environment variable into one checked Python value.
Must not know: which settings exist (that is `settings.py`) or anything of Django.
Called by: `mqconsole.settings` and `mqconsole.local`, once, at start.

A value that cannot be read raises `BadSetting`, whose text names the variable and says what it accepts.
A variable `NAME_FILE` beside `NAME` names a file that holds the value (for secrets mounted as files).
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

Value = TypeVar("Value")


class BadSetting(Exception):
    """An environment variable has a value the program cannot use."""


class Env:
    """Reads variables from one mapping, `os.environ` by default."""

    def __init__(self, source: Mapping[str, str] | None = None) -> None:
        self._source = os.environ if source is None else source

    def text(self, name: str, default: str = "") -> str:
        """Returns the value of `name`, or what the file named by `name`_FILE holds, or `default`."""
        path = self._source.get(f"{name}_FILE")
        if path and name not in self._source:
            try:
                return Path(path).read_text().strip()
            except OSError as error:
                raise BadSetting(f"{name}_FILE: cannot read {path}: {error.strerror}") from error
        return self._source.get(name, default)

    def boolean(self, name: str, default: bool) -> bool:
        """Returns True for 1/true/yes/on, False for 0/false/no/off or an empty value."""
        raw = self.text(name, "1" if default else "0").strip().lower()
        if raw in {"1", "true", "yes", "on"}:
            return True
        if raw in {"", "0", "false", "no", "off"}:
            return False
        raise BadSetting(f"{name}={raw!r}: use 1 or 0")

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        """Returns a whole number between `low` and `high`, both included."""
        raw = self.text(name, str(default)).strip()
        try:
            value = int(raw)
        except ValueError:
            raise BadSetting(f"{name}={raw!r}: use a whole number") from None
        if not low <= value <= high:
            raise BadSetting(f"{name}={value}: use a number from {low} to {high}")
        return value

    def choice(self, name: str, default: str, options: tuple[str, ...]) -> str:
        """Returns one of `options`."""
        raw = self.text(name, default).strip()
        if raw not in options:
            raise BadSetting(f"{name}={raw!r}: use one of {', '.join(options)}")
        return raw

    def words(self, name: str, default: str = "") -> list[str]:
        """Returns the comma-separated values, without blanks."""
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]

    def path(self, name: str, default: Path) -> Path:
        """Returns an absolute path; a relative one counts from the working directory."""
        return Path(self.text(name, str(default))).expanduser().absolute()

    def parsed(self, name: str, read: Callable[[str], Value]) -> Value:
        """Returns what `read` makes of the value. Its ValueError says what is wrong, and must not repeat a secret."""
        try:
            return read(self.text(name))
        except ValueError as error:
            raise BadSetting(f"{name}: {error}") from None

    def url(self, name: str, default: str, *, schemes: tuple[str, ...]) -> SplitResult:
        """Returns a parsed URL of one of `schemes`. The error never repeats the value: it may hold a password."""
        parts = urlsplit(self.text(name, default))
        if parts.scheme not in schemes:
            raise BadSetting(f"{name}: start the address with {' or '.join(f'{s}://' for s in schemes)}")
        return parts
