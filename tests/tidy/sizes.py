"""Rules about size: how long a file or a function is, how deep it nests, how many positional parameters it has."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from .source import Source

FILE_LINES = 400
TEST_FILE_LINES = 600
FUNCTION_LINES = 70
NESTING = 3
POSITIONAL_PARAMETERS = 3

# What somebody reads as a text, from its beginning. Generated, vendored and compiled files are not.
READ_SUFFIXES = {".py", ".sql", ".lua", ".html"}
# Written by Django.
MIGRATIONS = ("accounts/migrations/", "brokers/migrations/")
BANNED_NAMES = {"util", "utils", "common", "helper", "helpers", "manager", "managers", "base", "service", "services"}
# The signatures of these are given by Python.
GIVEN_SIGNATURES = {"__exit__", "__aexit__", "__setattr__"}

type_of_function = (ast.FunctionDef, ast.AsyncFunctionDef)
# A `with` does not branch, so it is no level; neither is the `elif` of an `if`.
BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match)


def file_length(source: Source) -> list[str]:
    """A file fits into a head."""
    if source.suffix not in READ_SUFFIXES or source.is_under(*MIGRATIONS):
        return []
    lines = len(source.text.splitlines())
    limit = TEST_FILE_LINES if source.is_under("tests/") else FILE_LINES
    return [f"1: {lines} lines; at most {limit}"] if lines > limit else []


def function_length(source: Source) -> list[str]:
    """A function fits on a screen."""
    return [
        f"{function.lineno}: {function.name} has {lines} lines; at most {FUNCTION_LINES}"
        for function in _functions(source)
        if (lines := _end(function) - function.lineno + 1) > FUNCTION_LINES
    ]


def nesting(source: Source) -> list[str]:
    """A branch inside a branch inside a branch is as deep as it goes."""
    return [
        f"{function.lineno}: {function.name} nests {depth} deep; at most {NESTING}"
        for function in _functions(source)
        if (depth := _depth(function.body)) > NESTING
    ]


def positional_parameters(source: Source) -> list[str]:
    """More than three values in a row get mixed up; the rest has names."""
    problems = []
    for function in _functions(source):
        parameters = [*function.args.posonlyargs, *function.args.args]
        names = [parameter.arg for parameter in parameters]
        if names[:1] in (["self"], ["cls"], ["mcs"]):
            names = names[1:]
        if len(names) > POSITIONAL_PARAMETERS and not _has_given_signature(source, function, names):
            problems.append(
                f"{function.lineno}: {function.name} takes {len(names)} positional parameters; "
                f"at most {POSITIONAL_PARAMETERS}, the rest after `*`"
            )
    return problems


def module_name(source: Source) -> list[str]:
    """A module is a noun that says what is in it."""
    if source.suffix != ".py":
        return []
    path = PurePosixPath(source.path)
    return [
        f"1: no module or folder is called {part!r}" for part in (*path.parent.parts, path.stem) if part in BANNED_NAMES
    ]


def _functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    if source.suffix == ".py" and not source.is_under(*MIGRATIONS):
        for node in ast.walk(source.tree):
            if isinstance(node, type_of_function):
                yield node


def _has_given_signature(source: Source, function: ast.FunctionDef | ast.AsyncFunctionDef, names: list[str]) -> bool:
    """Returns whether somebody else chose the parameters: Python, Django (a view), pytest (fixtures)."""
    if function.name in GIVEN_SIGNATURES or names[0] == "request":
        return True
    if not source.is_under("tests/", "benchmarks/"):
        return False
    decorators = " ".join(ast.unparse(decorator) for decorator in function.decorator_list)
    return function.name.startswith("test_") or "fixture" in decorators or "rule(" in decorators


def _depth(body: list[ast.stmt]) -> int:
    return max((_statement_depth(statement) for statement in body), default=0)


def _statement_depth(statement: ast.stmt) -> int:
    if isinstance(statement, (*type_of_function, ast.ClassDef)):
        return 0  # counted on its own
    is_branch = isinstance(statement, BRANCHES)
    deepest = 0
    for inner in _bodies(statement):
        is_elif = isinstance(statement, ast.If) and inner is statement.orelse and _is_elif(inner)
        deepest = max(deepest, _depth(inner) - 1 if is_elif else _depth(inner))
    return deepest + is_branch


def _bodies(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        if inner := getattr(statement, name, None):
            yield inner
    for name in ("handlers", "cases"):
        for part in getattr(statement, name, []):
            yield part.body


def _is_elif(orelse: list[ast.stmt]) -> bool:
    return len(orelse) == 1 and isinstance(orelse[0], ast.If)


def _end(node: ast.stmt) -> int:
    assert node.end_lineno is not None  # the parser always knows it
    return node.end_lineno
