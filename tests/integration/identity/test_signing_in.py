"""Guessing passwords is slow, nobody can shut anybody out, and time tells nothing of who exists."""

import statistics
import time
from typing import Any

import pytest

from accounts import limits, people, volatile
from accounts.errors import TryLater, Unauthenticated
from accounts.models import User
from tests.integration.three_people import PASSWORD, People


def fail(name: str, source_ip: str) -> None:
    with pytest.raises(Unauthenticated):
        people.sign_in("acme", name, "not the password", source_ip=source_ip)


def is_held_up(name: str, source_ip: str) -> bool:
    try:
        people.sign_in("acme", name, PASSWORD, source_ip=source_ip)
    except TryLater as error:
        assert error.code == "QUOTA_EXCEEDED"
        return True
    return False


def test_failures_from_everywhere_hold_up_strangers_but_not_the_network_of_the_person(people: People) -> None:
    assert not is_held_up("root", "192.0.2.1")
    for number in range(limits.SIGN_IN_FREE_COUNT_ACCOUNT + 1):
        fail("root", f"10.0.{number}.1")
    assert is_held_up("root", "198.51.100.7")
    assert not is_held_up("root", "192.0.2.1")


def test_one_address_that_tries_everybody_is_held_up(people: People) -> None:
    for number in range(limits.SIGN_IN_FREE_COUNT_NETWORK + 1):
        fail(f"user-{number}", "10.0.0.1")
    assert is_held_up("mia", "10.0.0.1")
    assert not is_held_up("mia", "10.0.0.2")


def test_addresses_of_one_ipv6_network_count_as_one(people: People) -> None:
    for number in range(limits.SIGN_IN_FREE_COUNT + 1):
        fail("root", f"2001:db8::{number:x}")
    assert is_held_up("root", "2001:db8::ffff")
    assert not is_held_up("root", "2001:db8:0:1::1")


def test_people_behind_one_address_who_sign_in_rightly_hold_nobody_up(people: People) -> None:
    for _ in range(limits.SIGN_IN_FREE_COUNT_NETWORK + 5):
        assert not is_held_up("root", "10.0.0.1")


def test_wait_grows_and_ends(people: People, redis_client: Any) -> None:
    for _ in range(limits.SIGN_IN_FREE_COUNT + 1):
        fail("root", "10.0.0.1")
    waits = []
    for _ in range(3):
        with pytest.raises(TryLater) as caught:
            people_sign_in("10.0.0.1")
        waits.append(caught.value.extra["retry_after_seconds"])
        for gate in redis_client.keys(f"{volatile.PREFIX}sign-in:*:gate"):
            redis_client.delete(gate)  # the wait is over
        fail("root", "10.0.0.1")
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]


def people_sign_in(source_ip: str) -> User:
    return people.sign_in("acme", "root", PASSWORD, source_ip=source_ip)


def test_time_does_not_tell_whether_a_user_exists(people: People, settings: Any) -> None:
    """Interleaved, with the real hash: medians of unknown, switched off and key-only users lie within the noise.

    What it takes is the processors' time: other programs of the machine have no part in it.
    """
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    kinds = ("known", "unknown", "off", "keys-only")
    for name in ("known", "off"):
        _make(people, name, password=PASSWORD)
    _make(people, "keys-only", password=None)
    User.objects.filter(name="off").update(is_active=False)
    spent: dict[str, list[float]] = {kind: [] for kind in kinds}
    for turn in range(16):
        for place, kind in enumerate(kinds):
            began = time.process_time()
            fail(kind, f"10.{turn}.{place}.1")
            spent[kind].append(time.process_time() - began)
    known = statistics.median(spent["known"])
    noise = statistics.median(abs(one - known) for one in spent["known"])
    for kind in kinds[1:]:
        difference = abs(statistics.median(spent[kind]) - known)
        assert difference < max(3 * noise, 0.35 * known), (kind, difference, known, noise)


def _make(made: People, name: str, *, password: str | None) -> User:
    return people.create_user(made.owner.user.account, name, password=password, actor="test")
