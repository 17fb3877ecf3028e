"""Passwords are long, not common, not about the person, and otherwise whatever people like."""

import pytest

from accounts import limits, passwords
from accounts.errors import Rejected
from accounts.models import Account, User

CLERK = User(name="clerkson", account=Account(name="warehouse"))


@pytest.mark.parametrize(
    "good",
    [
        "correct horse battery staple",
        "all lower case letters",
        "493026175382",
        "четырнадцать велосипедов",
        "十二头绿色的大象在图书馆里跳舞",
        "x9$" + "long and longer " * 8,
        "warehouse seven quiet lighthouses",
        "k" + "vjwqzhtmxr" * 12,
    ],
)
def test_long_and_uncommon_password_is_taken_whatever_it_is_made_of(good: str) -> None:
    passwords.check(good, CLERK)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("elevenchars", "at least 12"),
        ("x" * (limits.PASSWORD_CHARS + 1), "at most"),
        ("password1234", "attackers"),
        ("P@$$w0rd!!!!", "attackers"),
        ("2024dragon!!", "attackers"),
        ("administrator", "attackers"),
        ("aaaaaaaaaaaaaa", "repetition"),
        ("abcabcabcabcabc", "repetition"),
        ("k7-Qp!k7-Qp!k7-Qp!", "repetition"),
        ("123456789012", "repetition"),
        ("qwertyuiopasdf", "repetition"),
        ("zyxwvutsrqponml", "repetition"),
        ("warehouse2026!", "little more"),
        ("Clerkson-Clerkson-7", "little more"),
        ("mqconsole.warehouse", "little more"),
    ],
)
def test_password_somebody_would_guess_is_refused_with_the_reason(bad: str, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        passwords.check(bad, CLERK)
    assert reason in caught.value.detail


def test_at_least_3000_common_passwords_long_enough_or_with_trimmings_are_known() -> None:
    def is_refused(password: str) -> bool:
        try:
            passwords.check(password, CLERK)
        except Rejected:
            return True
        return False

    words = [word for word in passwords._common() if word.isalpha() and 6 <= len(word) <= 11]
    padded = [word + "1234567"[: 12 - len(word)] for word in words if len(word) >= 6]
    assert sum(is_refused(password) for password in padded) >= 3000
