"""Rules about comments and docstrings."""

import ast
import io
import re
import tokenize
from itertools import pairwise

from .source import Source

LATER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
# This folder has to name what it forbids.
LATER_PLACES = ("tests/tidy/", "LICENSE")
# Lock files and vendored scripts were not written here.
LATER_SUFFIXES = {".py", ".sql", ".lua", ".html", ".md", ".toml", ".sh", ".in", ""}

CODE = (
    ast.Import,
    ast.ImportFrom,
    ast.Assign,
    ast.AugAssign,
    ast.Return,
    ast.Raise,
    ast.Delete,
    ast.If,
    ast.For,
    ast.While,
    ast.With,
    ast.Try,
    ast.FunctionDef,
    ast.ClassDef,
)

ROOMS = tuple(f"brokers/{room}/" for room in ("domain", "protocols", "store", "leases", "engine", "dispatch", "doors"))
CHAPTERS = ("Owns", "Must not know", "Called by")

IGNORE = re.compile(r"#\s*(type:\s*ignore|noqa)\b(?P<codes>\[[\w, -]+\]|:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)?(?P<rest>.*)")


def later(source: Source) -> list[str]:
    """What is left to do is an issue, not a comment."""
    if source.is_under(*LATER_PLACES) or source.suffix not in LATER_SUFFIXES:
        return []
    return [
        f"{number}: {found[0]}"
        for number, line in enumerate(source.text.splitlines(), 1)
        if (found := LATER.search(line))
    ]


def dead_code(source: Source) -> list[str]:
    """Code that is not run is deleted; git remembers it."""
    return [f"{line}: commented-out code" for line, text in _comment_blocks(source) if _is_code(text)]


def chapters(source: Source) -> list[str]:
    """A module in a room of the core opens with what it owns, what it must not know, and who calls it."""
    if source.suffix != ".py" or not source.is_under(*ROOMS):
        return []
    docstring = ast.get_docstring(source.tree)
    is_package = source.path.endswith("/__init__.py")
    if docstring is None:
        return [] if is_package and not source.text.strip() else ["1: no docstring"]
    if is_package:
        return []
    missing = [chapter for chapter in CHAPTERS if chapter not in docstring]
    return [f"1: the docstring does not say: {', '.join(missing)}"] if missing else []


def reasons(source: Source) -> list[str]:
    """A silenced checker says which finding is silenced and, for types, why."""
    problems = []
    for line, text in _comments(source):
        found = IGNORE.search(text)
        if found is None:
            continue
        if found["codes"] is None:
            problems.append(f"{line}: silences everything; name the finding: {found[0].strip()}")
        elif found[1].startswith("type") and "#" not in found["rest"]:
            problems.append(f"{line}: silences the type checker without a reason (`# type: ignore[…] # why`)")
    return problems


def _comments(source: Source) -> list[tuple[int, str]]:
    if source.suffix != ".py":
        return []
    tokens = tokenize.generate_tokens(io.StringIO(source.text).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def _comment_blocks(source: Source) -> list[tuple[int, str]]:
    """Returns each run of lines that are comments only: its first line and its text."""
    lines = source.text.splitlines()
    own_line = [(number, text) for number, text in _comments(source) if lines[number - 1].lstrip().startswith("#")]
    blocks: list[tuple[int, str]] = []
    for (before, _), (number, text) in pairwise([(0, ""), *own_line]):
        words = text.removeprefix("#").removeprefix(" ")
        if blocks and number == before + 1:
            blocks[-1] = (blocks[-1][0], f"{blocks[-1][1]}\n{words}")
        else:
            blocks.append((number, words))
    return blocks


def _is_code(text: str) -> bool:
    """Returns whether the text, or one line of it, is Python that does something."""
    return any(_parses_as_code(part) for part in (text, *text.splitlines()))


def _parses_as_code(text: str) -> bool:
    try:
        body = ast.parse(text.strip()).body
    except (SyntaxError, ValueError):
        return False
    return any(
        isinstance(statement, CODE) or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call))
        for statement in body
    )
