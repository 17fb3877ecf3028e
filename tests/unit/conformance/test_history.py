"""The checkers of histories find what is planted and pass what is honest."""

from collections import Counter

from tests.conformance import history
from tests.conformance.history import Delivery, History


def delivery(key: str, *, attempt: int = 1, at: float = 1.0, offset: int = 0, group: str = "g") -> Delivery:
    return Delivery(group, key, attempt, 0, offset, at, at + 0.1)


def past(*, sends: str = "", acks: dict[str, float] | None = None, deliveries: list[Delivery] | None = None) -> History:
    return History(
        acknowledged_sends=set(sends),
        acks={("g", key): at for key, at in (acks or {}).items()},
        deliveries=deliveries or [],
    )


def test_an_honest_history_passes() -> None:
    honest = past(sends="ab", acks={"a": 2.0, "b": 5.0}, deliveries=[delivery("a"), delivery("b", offset=1)])
    honest.deliveries.append(delivery("b", attempt=2, at=4.0, offset=1))
    assert not history.lost(honest, "g") and not history.from_nowhere(honest) and not history.unsticky(honest)
    assert not history.undeclared_duplicates(honest) and not history.bad_offsets(honest)


def test_lost_messages_are_found() -> None:
    assert history.lost(past(sends="ab", acks={"a": 1.0}), "g") == {"b"}
    assert history.lost(past(sends="ab", acks={"a": 1.0}), "other") == {"a", "b"}
    assert history.lost(past(sends="ab", acks={"a": 1.0}), "g", dead=["b"]) == set()


def test_messages_from_nowhere_are_found() -> None:
    assert history.from_nowhere(past(deliveries=[delivery("x")])) == {"x"}
    refused = past(deliveries=[delivery("x")])
    refused.sent("x", "refused")
    assert history.from_nowhere(refused) == {"x"}
    refused.sent("x", "unknown")
    assert history.from_nowhere(refused) == set()


def test_deliveries_after_an_acknowledgement_are_found() -> None:
    late = delivery("a", attempt=2, at=3.0)
    assert history.unsticky(past(acks={"a": 2.0}, deliveries=[delivery("a"), late])) == [late]
    assert history.unsticky(past(acks={"a": 3.5}, deliveries=[late])) == []
    assert history.unsticky(past(acks={"a": 0.5}, deliveries=[delivery("a", group="other")])) == []


def test_duplicates_without_a_cause_are_found() -> None:
    again = delivery("a", at=9.0)
    doubled = past(deliveries=[delivery("a"), again])
    assert history.undeclared_duplicates(doubled) == [again]
    doubled.redis_losses.append((2.0, 3.0))
    assert history.undeclared_duplicates(doubled) == []
    doubled.redis_losses[:] = [(10.0, 11.0)]
    assert history.undeclared_duplicates(doubled) == [again]


def test_two_messages_at_one_offset_are_found() -> None:
    assert history.bad_offsets(past(deliveries=[delivery("a"), delivery("b")])) == [("g", 0, 0)]
    assert history.bad_offsets(past(deliveries=[delivery("a"), delivery("b", attempt=2)])) == []
    assert history.bad_offsets(past(deliveries=[delivery("a"), delivery("b", group="h")])) == []


def test_second_dead_letters_are_found() -> None:
    assert history.second_letters(Counter({"a": 1, "b": 2})) == ["b"]
