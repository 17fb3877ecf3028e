"""Rules of docs/security.md that the source itself shows, and that every rule there names tests that exist."""

import ast
import re
from pathlib import Path

from .source import Source, tracked

PROJECT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (R\d+) \|[^|]+\| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+|\*)`")
SECRETS = re.compile(r"secret|signature|token|digest|password|\bmac\b", re.IGNORECASE)
# Digests: of requests, and of session keys, whose order says nothing.
PUBLIC = re.compile(r"request_digest|session_key|entry\.digest")


def test_each_of_the_rules_names_tests_that_exist_or_a_reason() -> None:
    rows = dict(ROW.findall((PROJECT / "docs" / "security.md").read_text()))
    assert list(rows) == [f"R{number}" for number in range(1, 32)]
    for rule, shown in rows.items():
        named = NAMED.findall(shown)
        assert named or "no test: " in shown, rule
        for file, name in named:
            text = (PROJECT / file).read_text()
            assert name == "*" or re.search(rf"def {name}\b", text), f"{rule} names {file}::{name}"


def test_secrets_are_compared_in_constant_time() -> None:
    found = [
        f"{source.path}:{node.lineno}: {ast.unparse(node)}"
        for source in _of_product()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Compare) and _compares_secrets(node)
    ]
    assert not found, "\n".join(found)


def _compares_secrets(node: ast.Compare) -> bool:
    if not all(isinstance(how, ast.Eq | ast.NotEq) for how in node.ops):
        return False
    sides = [node.left, *node.comparators]
    if any(isinstance(side, ast.Constant) or ast.unparse(side).isupper() for side in sides):
        return False
    names = [ast.unparse(side) for side in sides]
    return any(SECRETS.search(name) for name in names) and not any(PUBLIC.search(name) for name in names)


def _of_product() -> list[Source]:
    return [one for one in tracked() if one.suffix == ".py" and one.is_under("accounts/", "brokers/")]
