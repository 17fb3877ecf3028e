"""Every action of every WebSocket × the seventeen people × whose thing it is."""

from brokers.live.hints import KINDS
from brokers.live.routing import websocket_urlpatterns
from tests.integration.matrix import cells
from tests.integration.matrix.cells import Cell
from tests.integration.matrix.doors import Doors
from tests.integration.matrix.rows import BASE, GROUP, TOPIC, Row, row
from tests.integration.matrix.world import Who, World

# What it needs to hear of a thing, by the kind of name a page may watch.
WATCH: dict[str, tuple[str, Row]] = {
    "topic": ("topic_id", row("mq:QueryTopic", TOPIC)),
    "group": ("group_id", row("mq:QueryGroup", GROUP)),
    "operation": ("operation", row("mq:QueryOperation", "mq:{instance}")),
    "instance": ("instance_id", Row((BASE,))),
    "transactions": ("instance_id", Row((BASE,))),
}


def test_every_address_and_every_kind_has_a_line() -> None:
    assert [str(route.pattern) for route in websocket_urlpatterns] == ["ws/v1/hints"]
    assert set(KINDS) == set(WATCH)


def test_watch(world: World, doors: Doors) -> None:
    """Each asker has one page that shows all there is to ask for, as long as what they hold stays the same."""
    pages: dict[Who, dict[str, Cell]] = {}
    for kind, (number, needed) in WATCH.items():
        for cell in cells.of_row(world, needed, [number]):
            if cell.owner in {"own", "foreign", "missing"}:
                pages.setdefault(cell.who, {})[f"{kind}:{cell.names[number]}"] = cell
    wrong: list[str] = []
    for who, shown in pages.items():
        if wrong and cells.STOPS:
            break
        cells.hold_again(world, next(iter(shown.values())))
        is_nobody = {cell.expected == "nobody" for cell in shown.values()}
        assert len(is_nobody) == 1, "somebody and nobody at once"
        expected = None if True in is_nobody else {name for name, cell in shown.items() if cell.expected == "in"}
        heard = doors.hints(who, list(shown), expected=expected)
        if heard is None or expected is None:
            wrong += [] if heard == expected else [f"{who.name}: heard {heard}, not {expected}"]
        else:
            wrong += [f"{shown[name]}: {name}, heard {sorted(heard)}" for name in sorted(heard ^ expected)]
    assert not wrong, "\n".join(wrong)
