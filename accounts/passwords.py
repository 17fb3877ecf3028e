"""Which passwords people may choose.

Owns: the rules. Must not know: who asks. Called by: people.

As OWASP ASVS 5 (6.2) wants it: long, not common, not about the person, and no rules which characters it is made of, no
changing by the calendar. Common are the words of the list that comes with Django, also with a few characters around
them or written with the usual digits for letters.
"""

import string
from functools import cache

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.utils.translation import gettext as _

from . import limits
from .errors import Rejected
from .models import User

_OUTSIDE = string.digits + string.punctuation + string.whitespace
_UNDISGUISED = str.maketrans("013457@$!", "oleastasi")
_ROWS = ("qwertyuiopasdfghjklzxcvbnm", "1234567890", string.ascii_lowercase)
_PRODUCT = ("mqconsole", "rocketmq", "password")


def check(password: str, user: User) -> None:
    """Raises Rejected unless the user may have this password. `user.name` and its account are set."""
    if len(password) < limits.PASSWORD_MIN_CHARS:
        raise Rejected(_("A password has at least %(n)d characters.") % {"n": limits.PASSWORD_MIN_CHARS})
    if len(password) > limits.PASSWORD_CHARS:
        raise Rejected(_("A password has at most %(n)d characters.") % {"n": limits.PASSWORD_CHARS})
    lower = password.lower()
    if _is_common(lower):
        raise Rejected(_("This password is one of the first that attackers try. Choose another."))
    if _is_pattern(lower):
        raise Rejected(_("This password is a row of keys or a repetition. Choose another."))
    if _is_about(lower, (user.name, user.account.name, *_PRODUCT)):
        raise Rejected(_("This password is little more than the name of the user, the account or the product."))


def _is_common(lower: str) -> bool:
    core = lower.strip(_OUTSIDE)
    candidates = {lower, lower.translate(_UNDISGUISED)}
    if len(lower) - len(core) <= limits.PASSWORD_TRIMMINGS:
        candidates |= {core, core.translate(_UNDISGUISED)}
    # What is stripped may itself stand for letters: pa$$w0rd!
    trimmed = lower.rstrip(_OUTSIDE).translate(_UNDISGUISED)
    return not candidates.isdisjoint(_common()) or trimmed in _common()


def _is_pattern(lower: str) -> bool:
    if len(set(lower)) < limits.PASSWORD_DISTINCT_CHARS or lower in (lower + lower)[1:-1]:
        return True
    rows = [row * 2 for row in _ROWS]
    rows += [row[::-1] for row in rows]
    # Nearly all of it runs along a row of keys or the alphabet.
    most = len(lower) - limits.PASSWORD_TRIMMINGS // 2
    return any(lower[at : at + most] in row for row in rows for at in range(len(lower) - most + 1))


def _is_about(lower: str, words: tuple[str, ...]) -> bool:
    rest = lower
    for word in sorted((word for word in words if len(word) >= 4), key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != lower and len(rest.strip(_OUTSIDE)) < limits.PASSWORD_OWN_CHARS


@cache
def _common() -> frozenset[str]:
    return frozenset(CommonPasswordValidator().passwords)
