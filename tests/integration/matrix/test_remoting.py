"""Every request code × the seventeen people × whose thing it is, over one connection; and every code that is none."""

import pytest
from django.test import override_settings

from brokers.doors.remoting.handlers import HANDLERS
from brokers.protocols.remoting.admin_codes import Manage
from brokers.protocols.remoting.codes import Ask, Reply
from tests.integration.matrix import cells
from tests.integration.matrix.admin_rows import ADMIN
from tests.integration.matrix.cells import Cell
from tests.integration.matrix.doors import Answer, Doors
from tests.integration.matrix.remoting_rows import REMOTING, RemotingRow
from tests.integration.matrix.rows import Row
from tests.integration.matrix.world import World

ROWS = {**REMOTING, **ADMIN}
CODES = {**Ask.__members__, **Manage.__members__}
KINDS = ("instance", "topic", "group", "makers", "user", "topic_id", "place", "placed")
UNKNOWN = {
    Reply.TOPIC_NOT_EXIST,
    Reply.SUBSCRIPTION_GROUP_NOT_EXIST,
    Reply.QUERY_NOT_FOUND,
    Reply.USER_NOT_EXIST,
}
AWAY = {
    Reply.NO_PERMISSION,
    Reply.TOPIC_NOT_EXIST,
    Reply.SUBSCRIPTION_GROUP_NOT_EXIST,
    Reply.REQUEST_CODE_NOT_SUPPORTED,
    Reply.USER_NOT_EXIST,
}


def test_every_code_has_a_line() -> None:
    assert set(HANDLERS) == {CODES[name.partition("#")[0]] for name in ROWS}


def test_every_other_code_is_not_supported_for_anybody(world: World, doors: Doors) -> None:
    for who in (world.people["root"], world.people["wildcard"]):
        for code in set(range(2001)) - set(HANDLERS):
            assert doors.remoting(who, code, {}).status == Reply.REQUEST_CODE_NOT_SUPPORTED, code


@pytest.mark.parametrize("name", list(ROWS))
def test_request(world: World, doors: Doors, name: str) -> None:
    row = ROWS[name]
    parameters = [kind for kind in KINDS if f"{{{kind}}}" in f"{row.fields}{row.body}"]
    plain = Row(row.needs, body={**row.fields, "": row.body})
    wrong: list[str] = []
    for cell in cells.of_row(world, plain, parameters):
        if cell.owner == "malformed":
            continue
        if wrong and cells.STOPS:
            break
        expected = _expected(row, cell, parameters)
        with override_settings(REMOTING_AUTO_CREATE=row.creates):
            answer = _ask(doors, row, cell, name=name)
        if not _is_right(expected, answer):
            wrong.append(f"{cell} ({expected}), and was {answer.status} {answer.text[:200]}")
        if expected == "in" and row.succeeds and answer.status != Reply.SUCCESS:
            wrong.append(f"{cell}: it could not be done: {answer.status} {answer.text[:200]}")
        if read := cells.secrets_in(world, cell, answer, row=plain):
            wrong.append(f"{cell}: the answer holds {read}")
        if expected in {"in", "made"}:
            if touched := world.changed_elsewhere(cell.who.account_id):
                wrong.append(f"{cell}: it changed what another account has in {touched}")
            world.restore()
        elif changed := world.changed():
            wrong.append(f"{cell}: it changed {changed}")
            world.restore()
        cells.hold_again(world, cell)
    assert not wrong, "\n".join(wrong[:12])


def _expected(row: RemotingRow, cell: Cell, parameters: list[str]) -> str:
    """A nobody is refused in the same words; what is named by number is not there for whoever does not own it."""
    if cell.expected == "nobody":
        return "refused"
    if row.by_number and cell.owner != "own":
        is_theirs = cell.owner in {"foreign", "crossed"} and cell.who.name.startswith("foreign")
        return "in" if is_theirs else "missing"
    return "made" if row.is_lax and cell.expected == "missing" else cell.expected


def _is_right(expected: str, answer: Answer) -> bool:
    if expected == "refused":
        return answer.status == Reply.NO_PERMISSION
    if expected == "missing":
        is_told = answer.status == Reply.SYSTEM_ERROR and "There is no" in answer.text
        return answer.status in UNKNOWN or is_told
    if expected == "made":
        return answer.status not in {Reply.NO_PERMISSION, Reply.REQUEST_CODE_NOT_SUPPORTED}
    return answer.status not in AWAY


def _ask(doors: Doors, row: RemotingRow, cell: Cell, *, name: str) -> Answer:
    names = cell.names
    fields = {key: value.format(**names) for key, value in row.fields.items()}
    return doors.remoting(cell.who, CODES[name.partition("#")[0]], fields, body=row.body.format(**names).encode())
