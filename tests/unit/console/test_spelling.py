"""How values are spelled for people: nothing that is not known looks like a number, nothing partial looks green."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone, translation

from brokers.console import problems, tags
from brokers.domain import clock
from brokers.domain.errors import ErrorCode
from brokers.domain.states import OperationState

NOON = datetime(2026, 3, 4, 12, 0, 0, 500_000, tzinfo=UTC)


def test_unknown_is_never_spelled_as_a_number() -> None:
    assert [tags.count(None), tags.size(None), tags.duration(None), tags.waited(None)] == ["unknown"] * 4
    assert tags.ago(None) == tags.when(None) == "unknown"
    with translation.override("zh-hans"):
        assert tags.count(None) == "未知"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (0, "0 s"),
        (0.02, "20 ms"),
        (59.9, "59 s"),
        (60, "1 min"),
        (245, "4 min 5 s"),
        (7200, "2 h"),
        (7260, "2 h 1 min"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
    ],
)
def test_duration_has_at_most_two_units(length: float | timedelta, words: str) -> None:
    assert tags.duration(length) == words


def test_wait_under_a_second_does_not_flicker() -> None:
    assert tags.waited(0.02) == tags.waited(0.9) == "under 1 s"
    assert tags.waited(90) == "1 min 30 s"


def test_size_keeps_bytes_exact_and_rounds_above() -> None:
    assert [tags.size(n) for n in (1, 1023, 1024, 4 * 1024 * 1024)] == ["1 byte", "1023 bytes", "1.0 KiB", "4.0 MiB"]


def test_time_is_spelled_in_the_readers_zone_and_names_the_instant() -> None:
    with timezone.override("Asia/Shanghai"), clock.freeze(NOON + timedelta(minutes=5)):
        assert tags.when(NOON, "milliseconds") == (
            '<time class="num" datetime="2026-03-04T12:00:00.500000+00:00" title="2026-03-04 20:00:00.500 UTC+08:00">'
            "2026-03-04 20:00:00.500</time>"
        )
        assert tags.ago(NOON).endswith('title="2026-03-04 20:00:00.500 UTC+08:00">5 min ago</time>')
        assert tags.ago(NOON + timedelta(hours=2)).endswith(">in 1 h</time>")


def test_only_what_is_wholly_well_is_green() -> None:
    green = {value for value, (tone, _, _) in tags.PILLS.items() if tone == "tone-ok"}
    assert green == {"SUCCEEDED", "REPLAYED", "COMMITTED", "ANSWERED", "complete"}
    assert set(OperationState) <= set(tags.PILLS)


def test_every_error_code_has_a_title() -> None:
    assert set(problems.TITLES) == set(ErrorCode)
    with translation.override("zh-hans"):
        assert all(problems.title(code) != code for code in ErrorCode)
