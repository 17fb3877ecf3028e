"""Every action of every WebSocket × the seventeen people × whose thing it is."""

from brokers.live.hints import KINDS
from brokers.live.routing import websocket_urlpatterns
from tests.integration.matrix import cells
from tests.integration.matrix.doors import Doors
from tests.integration.matrix.rows import BASE, GROUP, TOPIC, Row, row
from tests.integration.matrix.world import World

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
    wrong: list[str] = []
    for kind, (number, needed) in WATCH.items():
        for cell in cells.of_row(world, needed, [number]):
            if cell.owner not in {"own", "foreign", "missing"} or (wrong and cells.STOPS):
                continue
            name = f"{kind}:{cell.names[number]}"
            expected = None if cell.expected == "nobody" else {name} if cell.expected == "in" else set()
            heard = doors.hints(cell.who, [name], expected=expected)
            if heard != expected:
                wrong.append(f"{cell}: {kind}, heard {heard}")
    assert not wrong, "\n".join(wrong)
