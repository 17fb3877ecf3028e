"""Every page and every operation of the API × the seventeen people × whose thing it is: no cell may differ.

The operations are read from the product (its URL table, its OpenAPI document), the verdicts come from the second judge
(`tests.unit.policies.naive`) over the table `rows`. How to add an operation stands there.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.urls import URLPattern, get_resolver

from brokers.api import schema
from tests.integration.matrix import cells
from tests.integration.matrix.cells import Cell
from tests.integration.matrix.doors import Answer, Doors
from tests.integration.matrix.rows import API, PAGES, Row
from tests.integration.matrix.world import World

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
LET_IN = range(200, 500)
CODES = {"nobody": {401}, "refused": {403}, "missing": {404}}


def operations() -> dict[str, tuple[str, str]]:
    """Returns (method, path) of each operation of the API by its id."""
    paths = schema.document()["paths"].items()
    return {op["operationId"]: (method.upper(), path) for path, found in paths for method, op in found.items()}


def pages() -> dict[str, str]:
    """Returns the path of each page by its URL name, with names in braces."""
    found: list[Any] = get_resolver("brokers.console.urls").url_patterns  # Any: patterns, `_is_named` says
    routes: dict[str, str] = {one.name: str(one.pattern) for one in found if _is_named(one)}
    return {name: "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route) for name, route in routes.items()}


def _is_named(found: Any) -> bool:  # Any: Django's patterns
    assert isinstance(found, URLPattern) and found.name, f"{found} has no name"
    return True


def test_every_operation_has_a_line_and_every_line_an_operation() -> None:
    assert {name.partition("#")[0] for name in API} == set(operations())
    assert {name.partition("#")[0] for name, _method in PAGES} == set(pages())


def test_pages_take_no_method_without_a_line(world: World, doors: Doors) -> None:
    root = world.people["root"]
    for name, path in pages().items():
        names = dict.fromkeys(re.findall(r"{(\w+)}", path), "1")
        for method in METHODS:
            if (name, method) not in PAGES:
                answer = doors.page(root, method, path.format(**names))
                assert answer.status == 405, (name, method, answer.status)


def test_operations_take_no_method_without_a_line(world: World, doors: Doors) -> None:
    root, known = world.people["root"], set(operations().values())
    for path in {path for _method, path in known}:
        named = path.format(**dict.fromkeys(re.findall(r"{(\w+)}", path), "1"))
        for method in set(METHODS) - {"HEAD", "OPTIONS"}:
            if (method, path) not in known:
                assert doors.api(root, method, f"/api/v1{named}").status in {404, 405}, (method, path)


@pytest.mark.parametrize("name", list(API))
def test_api(world: World, doors: Doors, name: str) -> None:
    row, (method, path) = API[name], operations()[name.partition("#")[0]]

    def ask(cell: Cell) -> Answer:
        made, address = _addressed(row, path, cell)
        body = b"" if method == "GET" else cells.as_json(made.body)
        return doors.api(cell.who, method, f"/api/v1{address}{made.query}", body=body)

    def judge(cell: Cell, answer: Answer) -> bool:
        if row.always and cell.expected != "nobody":
            return answer.status == row.always
        if cell.expected == "missing" and cell.owner == "malformed":
            return answer.status in {400, 404}
        return answer.status in CODES.get(cell.expected, LET_IN) and (
            cell.expected != "in" or answer.status not in {401, 403, 404}
        )

    run(world, row, [*_kinds(row, path), *row.named], method=method, ask=ask, judge=judge)


@pytest.mark.parametrize(("name", "method"), list(PAGES))
def test_page(world: World, doors: Doors, name: str, method: str) -> None:
    row, path = PAGES[name, method], pages()[name.partition("#")[0]]

    def ask(cell: Cell) -> Answer:
        made, address = _addressed(row, path, cell)
        return doors.page(cell.who, method, address + made.query, form=made.body if method == "POST" else None)

    def judge(cell: Cell, answer: Answer) -> bool:
        to_sign_in = answer.status == 302 and answer.location.startswith("/signin?next=")
        if cell.expected == "public":
            return answer.status in {200, 302, 404}
        if cell.expected == "nobody":
            return to_sign_in
        if row.always:
            return answer.status == row.always and not to_sign_in
        if row.roots_confirm and cell.who.is_root:
            return answer.location.startswith("/confirm?next=")
        if cell.expected == "in":
            return answer.status in {200, 302} and not to_sign_in
        if cell.expected == "missing" and cell.owner == "malformed":
            return answer.status in {400, 404}
        return answer.status in CODES[cell.expected]

    run(world, row, [*_kinds(row, path), *row.named], method=method, ask=ask, judge=judge)


Judge = Callable[[Cell, Answer], bool]


def run(world: World, row: Row, kinds: list[str], *, method: str, ask: cells.Ask, judge: Judge) -> None:
    """Asks every cell; who is let in last, because it may change something."""
    wrong: list[str] = []
    unseen: dict[tuple[str, str], tuple[str, str]] = {}
    let_in: list[Cell] = []
    for cell in cells.of_row(world, row, kinds):
        if wrong and cells.STOPS:
            break
        if cell.expected in {"in", "public"}:
            let_in.append(cell)
            continue
        answer = ask(cell)
        wrong += _faults(world, row, cell, answer=answer, is_right=judge(cell, answer))
        if cell.owner in {"own" if cell.who.name.startswith("foreign") else "foreign", "missing"}:
            key = (cell.who.name, cell.expected)
            other = unseen.setdefault(key, (cell.owner, cells.told(answer, cell.names)))
            if other[0] != cell.owner and other[1] != cells.told(answer, cell.names):
                wrong.append(
                    f"{cell}: foreign and missing differ: {_difference(other[1], cells.told(answer, cell.names))}"
                )
    changed = world.changed()
    if changed:
        wrong.append(f"somebody who was refused changed {changed}")
        world.restore()
    for cell in let_in if not (wrong and cells.STOPS) else []:
        cells.hold_again(world, cell)
        answer = ask(cell)
        wrong += _faults(world, row, cell, answer=answer, is_right=judge(cell, answer))
        if method != "GET" and cell.who.account_id and (touched := world.changed_elsewhere(cell.who.account_id)):
            wrong.append(f"{cell}: it changed what another account has in {touched}")
        if method != "GET" or row.is_public:  # a page of signing in may end the session
            world.restore()
    assert not wrong, "\n".join(wrong[:12])


def _faults(world: World, row: Row, cell: Cell, *, answer: Answer, is_right: bool) -> list[str]:
    found = [] if is_right else [f"{cell}, and was {answer.status} {answer.location} {answer.text[:300]}"]
    read = cells.secrets_in(world, cell, answer, row=row)
    return found + ([f"{cell}: the answer holds {read}"] if read else [])


def _difference(left: str, right: str) -> str:
    at = next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), 0)
    return f"{left[max(0, at - 60) : at + 60]!r} and {right[max(0, at - 60) : at + 60]!r}"


def _kinds(row: Row, path: str) -> list[str]:
    """Returns what the parameters of an address are about, outermost first."""
    about = dict(row.about or {})
    if path.startswith("/user-groups") and "group" not in about:
        about["group"] = "user_group"
    return [about.get(name, name) for name in re.findall(r"{(\w+)}", path)]


def _addressed(row: Row, path: str, cell: Cell) -> tuple[Row, str]:
    """Returns the row with the cell's names, and the address asked."""
    parameters = re.findall(r"{(\w+)}", path)
    named = dict(zip(parameters, (cell.names[kind] for kind in _kinds(row, path)), strict=True))
    quoted = {name: quote(value, safe="") for name, value in named.items()}
    return cells.replace_names(row, cell.names), path.format(**quoted)
