"""Output of many processes becomes whole, named lines."""

import io

from mqconsole.local.lines import LONGEST_LINE_BYTES, Terminal


class _Pipe(io.BytesIO):
    """A stream whose reader has left."""

    def write(self, data: object) -> int:
        raise BrokenPipeError


def test_pieces_become_lines_with_names() -> None:
    stream = io.BytesIO()
    terminal = Terminal(stream, names=["web", "postgres"])
    terminal.write("web", b"half ")
    terminal.write("postgres", b"other\n")
    terminal.write("web", b"line\r\nnext")
    assert stream.getvalue() == b"postgres  | other\nweb       | half line\n"


def test_endless_line_is_printed_in_pieces() -> None:
    stream = io.BytesIO()
    terminal = Terminal(stream, names=["web"])
    for _ in range(3):
        terminal.write("web", b"x" * LONGEST_LINE_BYTES)
    assert stream.getvalue().count(b"x") == 2 * LONGEST_LINE_BYTES


def test_reader_that_has_left_stops_nothing() -> None:
    terminal = Terminal(_Pipe(), names=["web"])
    terminal.write("web", b"one\n")
    terminal.say("two")
