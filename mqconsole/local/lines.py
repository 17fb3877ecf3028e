"""One terminal shared by many processes: whole lines, each with the name of the process it came from.

Owns: putting pieces of output together into lines, prefixes, colours.
Must not know: processes.
Called by: `mqconsole.local.supervision`, `mqconsole.local.__main__`.
"""

import os
from typing import BinaryIO

# A line longer than this is printed in pieces, so that a process that never ends a line cannot fill the memory.
LONGEST_LINE_BYTES = 64 * 1024
COLOURS = (36, 33, 32, 35, 34, 31)
OUR_NAME = "mqconsole"


class Terminal:
    """Writes lines to `stream`, in colour when it is a terminal. A stream that has gone away is forgotten."""

    def __init__(self, stream: BinaryIO, *, names: list[str]) -> None:
        self._stream: BinaryIO | None = stream
        self._width = max(len(name) for name in [OUR_NAME, *names])
        self._has_colour = stream.isatty() and "NO_COLOR" not in os.environ
        self._colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
        self._unfinished: dict[str, bytes] = {}

    def write(self, name: str, data: bytes | str) -> None:
        """Prints the lines that `data` completes; what follows the last line break waits for its end."""
        if isinstance(data, str):
            data = data.encode()
        *lines, rest = (self._unfinished.get(name, b"") + data).split(b"\n")
        if len(rest) > LONGEST_LINE_BYTES:
            lines, rest = [*lines, rest], b""
        self._unfinished[name] = rest
        self._print([self._prefix(name) + line.rstrip(b"\r") for line in lines])

    def say(self, text: str) -> None:
        """Prints words of the supervisor itself."""
        self._print([self._prefix(OUR_NAME) + line.encode() for line in text.splitlines()])

    def show(self, text: str) -> None:
        """Prints a block as it is."""
        self._print([line.encode() for line in text.splitlines()])

    def _prefix(self, name: str) -> bytes:
        label = f"{name:{self._width}} | "
        if self._has_colour and name in self._colours:
            label = f"\x1b[{self._colours[name]}m{label}\x1b[0m"
        return label.encode()

    def _print(self, lines: list[bytes]) -> None:
        if self._stream is None or not lines:
            return
        try:
            self._stream.write(b"\n".join(lines) + b"\n")
            self._stream.flush()
        except OSError:  # the reader of a pipe has left, or the terminal was closed
            self._stream = None
