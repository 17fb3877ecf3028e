"""The places in the source that ask for a permission, and how each looks without the question.

A check becomes nothing, a yes-or-no becomes yes, a filter lets everything through, a look-up that checks is made as
root, a refusal is not raised, and a look into the database forgets whose account it is for. What only decides whether
a button is drawn is no check and is left out.
"""

import ast
import copy
import gc
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType

PROJECT = Path(__file__).parents[2]
ROOMS = ("accounts", "brokers")
# Calls that raise when something may not be done: without them there is nothing.
RAISING = {
    "access.check", "access.check_on_group", "check", "check_on_group", "permission.require",
    "require", "permissions.require", "members.require_holding", "members.require_no_deny", "require_holding",
    "require_no_deny", "_require_swap", "_require_key", "roles.require_self",
}  # fmt: skip
# Calls that answer: what they answer when nobody is refused.
ANSWERING: dict[str, object] = {
    "access.may": True, "may": True, "access.may_on_group": True, "may_on_group": True, "access.is_settled": True,
    "access.filter_of": None, "access.is_denied": False, "permissions.has_deny": False, "_may_hear": True,
}  # fmt: skip
# Look-ups that check what their first argument may do.
LOOKING = {
    "access.instance", "access.topic", "access.group", "access.operation", "members.user", "members.group", "user",
    "group", "grants.policy", "policy", "names.topic", "names.group", "names.topic_or_new", "names.group_or_new",
    "_sub_account", "_named", "producers.get", "roles.role",
}  # fmt: skip
# Files in which these names need no room in front.
PLAIN = {"access.py", "members.py", "grants.py", "permission.py", "hints.py"}
# Names that mean this in one file alone.
LOCAL = {
    ("accounts/audit_log.py", "_require"): "raising", ("accounts/roles.py", "role"): "looking",
    ("accounts/roles.py", "require_self"): "raising", ("catalog/client_settings.py", "_check"): "raising",
    ("remoting/admin/topics.py", "_require"): "raising",
}  # fmt: skip
# What refuses when it is raised.
REFUSALS = {"Denied", "denial", "_denied", "_beyond"}
# What looks into the database for the account that asks.
QUERIES = {"filter", "get"}
OWNERS = {"actor.account_id", "asker.account_id", "account_id", "found.account_id"}
# No account asks here: the operator's own commands and the jobs, for every account in turn; and metrics, which are for
# this machine or for a token (tests/integration/test_hardening.py has them).
DOORLESS = {"accounts/audit_proof.py", "doors/http/metrics.py"}
# Functions of files in which rows are only counted, for a limit on how many there may be: nobody reads the number.
COUNTING = {
    ("accounts/members.py", "create_user"), ("accounts/members.py", "create_group"),
    ("accounts/grants.py", "create_policy"), ("accounts/roles.py", "create"), ("catalog/quotas.py", "_count"),
    ("catalog/client_settings.py", "put"),
}  # fmt: skip
# What is refused on the next line whatever happens here, in worse words.
EXPLAINING = {("console/overview.py", "pulse")}
# What only bounds a list that is the account's own already.
BOUNDING = {("accounts/audit_log.py", "export")}
# What asks once more after a wait, because a right or a key may have gone in the meantime. The matrix asks while rights
# stand; tests/integration/test_hot_permissions.py and test_rotation.py take them away.
AGAIN = {"permission.require_still"}
AGAIN_IN = {("doors/permission.py", "require_still"), ("remoting/pops.py", "pop")}
# Files, and functions of files, that ask only to leave a button out.
BUTTONS = {
    ("console/tags.py", ""), ("console/transactions.py", "show"), ("console/transactions.py", "frame"),
    ("console/limits.py", "index"), ("console/messages.py", "_recall_url"),
    ("console/transactions.py", "_linked_groups"),
    ("console/page.py", "_chrome_rights"), ("console/grants.py", "_serve"),
    ("console/users.py", "offered"), ("console/producer_groups.py", "show"),
    ("console/overview.py", "home"), ("console/operations.py", "show"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Site:
    """One call or `raise`. `function` is the qualified name of the function it stands in.

    The end tells it from what is called upon it: `rows.filter(…)` and `rows.filter(…).first()` begin alike.
    """

    path: Path
    line: int
    column: int
    end: tuple[int | None, int | None]
    function: str
    text: str
    number: int

    def __str__(self) -> str:
        return f"{self.path.relative_to(PROJECT)}:{self.line} {self.text}"


def find() -> Iterator[Site]:
    """Every check of the source, in order."""
    calls = (
        (path, function, node)
        for path in sorted(path for room in ROOMS for path in (PROJECT / room).rglob("*.py"))
        if not {"migrations", "management"} & set(path.parts) and not str(path).endswith(tuple(DOORLESS))
        for function, node in _places(ast.parse(path.read_text()), path)
        if not (_kind(node, path) == "answering" and _is_in(BUTTONS, path, function))
        if not _is_in(AGAIN_IN, path, function)
        if not (_kind(node, path) == "raising" and _is_in(EXPLAINING, path, function))
        if not (_kind(node, path) == "owning" and _is_in(COUNTING | BOUNDING, path, function))
    )
    # The same words once more in a function ask again after a wait, or show the thing as it is after the change.
    seen: set[tuple[Path, str, str]] = set()
    for number, (path, function, node) in enumerate(calls, 1):
        text = ast.unparse(node)
        if (path, function, text) not in seen:
            end = (node.end_lineno, node.end_col_offset)
            yield Site(path, node.lineno, node.col_offset, end, function, text[:90], number)
        seen.add((path, function, text))


def _is_in(places: set[tuple[str, str]], path: Path, function: str) -> bool:
    return any(str(path).endswith(file) and function.startswith(name) for file, name in places)


def _places(tree: ast.AST, path: Path, inside: str = "") -> Iterator[tuple[str, ast.Call | ast.Raise]]:
    for node in ast.iter_child_nodes(tree):
        name = inside
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{inside}.{node.name}" if inside else node.name
        if isinstance(node, ast.Call | ast.Raise) and inside and _kind(node, path):
            yield inside, node
        yield from _places(node, path, name)


def _kind(node: ast.Call | ast.Raise, path: Path) -> str:
    if isinstance(node, ast.Raise):
        return "refusing" if isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) in REFUSALS else ""
    called = ast.unparse(node.func)
    if called in AGAIN:
        return ""
    for (file, name), kind in LOCAL.items():
        if called == name and str(path).endswith(file):
            return kind
    if (
        isinstance(node.func, ast.Attribute)
        and node.func.attr in QUERIES
        and any(_is_owner(one) for one in node.keywords)
    ):
        return "owning"
    if "." not in called and path.name not in PLAIN:
        return ""
    for kind, names in (("raising", RAISING), ("answering", ANSWERING), ("looking", LOOKING)):
        if called in names:
            return kind
    return ""


def _is_owner(given: ast.keyword) -> bool:
    return (given.arg or "").endswith("account_id") and ast.unparse(given.value) in OWNERS


class _Change(ast.NodeTransformer):
    """Rewrites the call at one place; with `counted`, makes it tell that it was reached instead."""

    def __init__(self, site: Site, *, counted: bool) -> None:
        self._site = site
        self._counted = counted

    def visit_Await(self, node: ast.Await) -> ast.AST:
        if isinstance(node.value, ast.Call) and self._is_it(node.value):
            if self._counted:
                return self._counting(node)
            if _kind(node.value, self._site.path) == "raising":
                return ast.copy_location(ast.Constant(None), node)
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if not self._is_it(node):
            return self.generic_visit(node)
        if not self._counted:
            return ast.copy_location(ast.Pass(), node)
        assert node.exc is not None
        node.exc = self._counting(node.exc)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not self._is_it(node):
            return self.generic_visit(node)
        if self._counted:
            return self._counting(node)
        kind = _kind(node, self._site.path)
        changed = copy.deepcopy(node)
        if kind == "owning":
            changed.keywords = [one for one in node.keywords if not _is_owner(one)]
            return ast.copy_location(changed, node)
        if kind == "looking":
            as_root = ast.parse(f"__import__('dataclasses').replace({ast.unparse(node.args[0])}, is_root=True)")
            assert isinstance(as_root.body[0], ast.Expr)
            changed.args[0] = as_root.body[0].value
            return ast.copy_location(changed, node)
        answer = ANSWERING.get(ast.unparse(node.func)) if kind == "answering" else None
        assert answer is None or isinstance(answer, bool)
        return ast.copy_location(ast.Constant(answer), node)

    def _counting(self, node: ast.expr) -> ast.expr:
        told = ast.parse(f"__import__('tests.mutation.sites').mutation.sites.reached({self._site.number})")
        assert isinstance(told.body[0], ast.Expr)
        pair = ast.Tuple([told.body[0].value, node], ast.Load())
        return ast.copy_location(ast.Subscript(pair, ast.Constant(1), ast.Load()), node)

    def _is_it(self, node: ast.Call | ast.Raise) -> bool:
        began, ended = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
        return began == (self._site.line, self._site.column) and ended == self._site.end


_reached: set[int] = set()


def reached(number: int) -> None:
    """Called by counted code."""
    _reached.add(number)


def take_reached() -> set[int]:
    """Returns the numbers of the sites reached since the last call."""
    found = set(_reached)
    _reached.clear()
    return found


class Changed:
    """Puts changed code into the running functions for a block, and the old code back after it."""

    def __init__(self, sites: list[Site], *, counted: bool = False) -> None:
        self._sites = sites
        self._counted = counted
        self._before: list[tuple[FunctionType, CodeType]] = []

    def __enter__(self) -> "Changed":
        for path in {site.path for site in self._sites}:
            tree: ast.AST = ast.parse(path.read_text())
            for site in (one for one in self._sites if one.path == path):
                tree = _Change(site, counted=self._counted).visit(tree)
            assert isinstance(tree, ast.Module)
            code = compile(ast.fix_missing_locations(tree), str(path), "exec", dont_inherit=True)
            self._replace(code, {site.function for site in self._sites if site.path == path})
        return self

    def __exit__(self, *_: object) -> None:
        for function, code in self._before:
            function.__code__ = code
        self._before.clear()

    def _replace(self, module: CodeType, names: set[str]) -> None:
        fresh = {code.co_qualname.replace(".<locals>", ""): code for code in _codes(module)}
        within = {name[: at.start()] for name in names for at in re.finditer(r"\.|$", name)}  # and what they stand in
        for found in gc.get_objects():
            if type(found) is not FunctionType or found.__code__.co_filename != module.co_filename:  # lazy ones wake up
                continue
            name = found.__code__.co_qualname.replace(".<locals>", "")
            new = fresh.get(name)
            if new is not None and name in within and new.co_freevars == found.__code__.co_freevars:
                self._before.append((found, found.__code__))
                found.__code__ = new


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)
