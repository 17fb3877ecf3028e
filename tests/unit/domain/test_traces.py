"""Records of tracing clients: as a Java client 5.3.3 writes them, cut off anywhere, and scrambled."""

import random

import pytest

from brokers.domain.traces import Kind, Trace, parse

ID = "7F00000100C818B4AAC24C3C5F2A0000"
# Put together after rocketmq-client 5.3.3, TraceDataEncoder.encoderFromContextBean; real ones: tests/interop.
SENT = (
    f"Pub\x011763752000123\x01DefaultRegion\x01shop\x01orders\x01{ID}\x01paid\x01o-1\x01127.0.0.1:10911\x015\x0112\x010"
    "\x017F00000100002A9F0000010000000000\x01true\x02"
)
GIVEN = f"SubBefore\x011763752000200\x01DefaultRegion\x01mail\x01REQ1\x01{ID}\x011\x01o-1\x02"
CONSUMED = f"SubAfter\x01REQ1\x01{ID}\x0134\x01true\x01o-1\x010\x011763752000234\x01mail\x02"
DECIDED = (
    f"EndTransaction\x011763752000300\x01DefaultRegion\x01shop\x01orders\x01{ID}\x01null\x01\x01127.0.0.1:10911\x012\x01{ID}"
    "\x01COMMIT_MESSAGE\x01true\x02"
)
RECALLED = f"Recall\x011763752000400\x01DefaultRegion\x01shop\x01orders\x01{ID}\x01false\x02"


def test_each_kind_of_record_is_read() -> None:
    assert parse(SENT + GIVEN + CONSUMED + DECIDED + RECALLED) == [
        Trace(kind=Kind.SENT, message_id=ID, at_ms=1763752000123, group="shop", is_success=True, cost_ms=12),
        Trace(kind=Kind.GIVEN, message_id=ID, at_ms=1763752000200, group="mail", request="REQ1", repeats=1),
        Trace(
            kind=Kind.CONSUMED, message_id=ID, at_ms=1763752000234, group="mail", request="REQ1", is_success=True,
            cost_ms=34,
        ),
        Trace(
            kind=Kind.DECIDED, message_id=ID, at_ms=1763752000300, group="shop", state="COMMIT_MESSAGE", is_asked=True
        ),
        Trace(kind=Kind.RECALLED, message_id=ID, at_ms=1763752000400, group="shop", is_success=False),
    ]  # fmt: skip


def test_older_and_newer_clients_are_read_too() -> None:
    old = SENT.replace("\x017F00000100002A9F0000010000000000", "")
    new = SENT.replace("true\x02", "true\x01192.168.1.1\x02")
    assert parse(old) == parse(new) == parse(SENT)
    of_the_cloud = CONSUMED.replace("\x011763752000234\x01mail", "\x01")
    (told,) = parse(of_the_cloud)
    assert (told.at_ms, told.group, told.cost_ms) == (None, "", 34)


@pytest.mark.parametrize("record", [SENT, GIVEN, CONSUMED, DECIDED, RECALLED])
def test_what_is_cut_off_or_scrambled_is_passed_over(record: str) -> None:
    for length in range(len(record)):
        assert len(parse(record[:length])) <= 1
        assert parse(record[:length] + "\x02" + SENT)[-1] == parse(SENT)[0]
    chosen = random.Random(5)
    for _ in range(2000):
        letters = [chosen.choice("\x01\x02Pub09truefalse-é") if chosen.random() < 0.2 else char for char in record]
        for trace in parse("".join(letters)):
            assert trace.at_ms is None or 0 <= trace.at_ms < 10**15


def test_a_body_of_nothing_but_ends_is_bounded() -> None:
    assert parse("\x02" * 1_000_000) == []
    assert len(parse(GIVEN * 5000)) == 2000
