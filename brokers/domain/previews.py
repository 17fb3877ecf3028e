"""How a body is shown to people: as text, as JSON with every digit kept, or as bytes. Compressed ones open with a cap.

Owns: telling the forms apart. Must not know: pages, stores. Called by: engine.browse, console, api.
Source of the flag bits: apache/rocketmq common/.../sysflag/MessageSysFlag.java.
"""

import json
import re
import zlib
from dataclasses import dataclass
from typing import Literal

COMPRESSED_FLAG = 0x1
_COMPRESSION_BITS = 0x7 << 8
_ZLIB_BITS = (0x0, 0x3 << 8)  # clients older than the bits used zlib
# A body is opened no further than this: a small one can hold gigabytes of zeros.
OPENED_BYTES = 1024 * 1024
HEX_BYTES = 4096

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+')
_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Opened:
    """A body as the sender wrote it. `is_cut`: it goes on past `OPENED_BYTES`. `problem`: why it stays compressed."""

    content: bytes
    is_compressed: bool
    is_cut: bool
    problem: Literal["", "unknown_compression", "damaged"] = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """A body ready to be shown. `text` is None for bytes that are not UTF-8; `json` is None when it is not JSON."""

    text: str | None
    json: str | None
    hex: str
    size_bytes: int
    is_compressed: bool
    is_cut: bool
    problem: str


def compression(sys_flag: int) -> str | None:
    """Returns what a body is compressed with (`zlib`, `lz4`, `zstd`), None when it is not."""
    if not sys_flag & COMPRESSED_FLAG:
        return None
    return {0x1 << 8: "lz4", 0x2 << 8: "zstd"}.get(sys_flag & _COMPRESSION_BITS, "zlib")


def open_body(body: bytes, sys_flag: int) -> Opened:
    """Returns the body, decompressed when its flag says so, at most `OPENED_BYTES` of it."""
    if not sys_flag & COMPRESSED_FLAG:
        return Opened(body, is_compressed=False, is_cut=False)
    if sys_flag & _COMPRESSION_BITS not in _ZLIB_BITS:
        return Opened(body, is_compressed=True, is_cut=False, problem="unknown_compression")
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(body, OPENED_BYTES)
    except zlib.error:
        return Opened(body, is_compressed=True, is_cut=False, problem="damaged")
    if not stream.eof and not stream.unconsumed_tail and len(content) < OPENED_BYTES:
        return Opened(content, is_compressed=True, is_cut=False, problem="damaged")
    return Opened(content, is_compressed=True, is_cut=not stream.eof)


def preview(body: bytes, sys_flag: int = 0) -> Preview:
    """Returns how to show a stored body. `hex` covers its first `HEX_BYTES`; `size_bytes` is the stored size."""
    opened = open_body(body, sys_flag)
    text = _as_text(opened)
    shown = format_json(text) if text and not opened.is_cut else None
    return Preview(
        text=text,
        json=shown,
        hex=_hex_lines(opened.content[:HEX_BYTES]),
        size_bytes=len(body),
        is_compressed=opened.is_compressed,
        is_cut=opened.is_cut,
        problem=opened.problem,
    )


def head_text(head: bytes, sys_flag: int = 0) -> str | None:
    """Returns the first bytes of a body as one line of text; None when they are not text or are compressed."""
    if sys_flag & COMPRESSED_FLAG:
        return None
    text = _decode(head, may_be_cut=True)
    return None if text is None else " ".join(text.split())


def format_json(text: str) -> str | None:
    """Returns JSON indented with every token as it was written, so that no number changes; None when it is not JSON.

    Only objects and arrays count: a bare number or word is shown as text.
    """
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        # Numbers are never converted: one of 300 digits stays what it is, and one of 5,000 is no error.
        json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    return _indented(_TOKEN.findall(text))


def _indented(tokens: list[str]) -> str:
    parts: list[str] = []
    depth = 0
    for index, token in enumerate(tokens):
        follower = tokens[index + 1] if index + 1 < len(tokens) else ""
        if token in "[{":
            depth += 1
            parts.append(token)
            if follower not in ("]", "}"):
                parts.append("\n" + _INDENT * depth)
        elif token in "]}":
            depth -= 1
            if tokens[index - 1] not in ("[", "{"):
                parts.append("\n" + _INDENT * depth)
            parts.append(token)
        elif token == ",":
            parts.append(",\n" + _INDENT * depth)
        elif token == ":":
            parts.append(": ")
        else:
            parts.append(token)
    return "".join(parts)


def _as_text(opened: Opened) -> str | None:
    if opened.problem:
        return None
    return _decode(opened.content, may_be_cut=opened.is_cut)


def _decode(content: bytes, *, may_be_cut: bool) -> str | None:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        # The cut may have gone through the last character; anything else is not text.
        if not may_be_cut or error.start < len(content) - 3:
            return None
        text = content[: error.start].decode()
    return None if "\0" in text else text


def _hex_lines(content: bytes) -> str:
    lines = []
    for start in range(0, len(content), 16):
        part = content[start : start + 16]
        letters = "".join(chr(b) if 32 <= b < 127 else "." for b in part)
        lines.append(f"{start:08x}  {part.hex(' '):<47}  {letters}")
    return "\n".join(lines)
