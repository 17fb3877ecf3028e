"""What people prove beside the password: codes of an authenticator app (RFC 6238), and recovery codes.

Owns: the rows of factors, the judgement of a code, and that none is used twice. Must not know: pages, sessions.
Called by: the sign-in and security pages, members. Passkeys are made and judged in `passkeys`.
"""

import base64
import hmac
import secrets
from collections.abc import Sequence
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from . import attempts, audit, clock, denials, limits, vault
from .errors import NotFound, Rejected, Unauthenticated
from .models import RecoveryCode, SecondFactor, User

_DIGITS = 6
_STEP_SECONDS = 30
_SECRET_BYTES = 20  # as RFC 4226 advises for SHA-1, the one hash every app knows
_CODE_CHARS = 16  # of base32: 80 bits
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def of_user(user: User) -> Sequence[SecondFactor]:
    """Returns the factors of a user, oldest first."""
    return list(SecondFactor.objects.filter(user=user).order_by("pk"))


def has_any(user: User) -> bool:
    """Returns True if this user must show a second factor to sign in."""
    return SecondFactor.objects.filter(user=user).exists()


def has_app(user: User) -> bool:
    """Returns True if an authenticator app makes codes for this user."""
    return SecondFactor.objects.filter(user=user, kind=SecondFactor.Kind.TOTP).exists()


def new_secret() -> str:
    """Returns a fresh secret for an authenticator app, in base32 as people type it."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def app_address(user: User, secret: str) -> str:
    """Returns the `otpauth:` address that an app reads from a QR code."""
    label = quote(f"mqconsole:{user.login}", safe="")
    return f"otpauth://totp/{label}?secret={secret}&issuer=mqconsole&algorithm=SHA1&digits={_DIGITS}&period=30"


def add_app(user: User, secret: str, code: str, *, source_ip: str = "") -> SecondFactor:
    """Returns the factor after the app showed that it has the secret: `code` is the one it makes now.

    Raises: Rejected for a wrong code, CONFLICT when the user has an app already.
    Effects: one transaction with its audit row.
    """
    step = _step_of(base64.b32decode(secret), _plain(code))
    if step is None:
        raise Rejected(_("This is not the code the app shows now. Check that the phone's clock is right."))
    nonce, ciphertext = vault.seal(secret, account_id=user.account_id, key_id=_binding(user))
    try:
        with transaction.atomic():
            made = SecondFactor.objects.create(
                user=user,
                kind=SecondFactor.Kind.TOTP,
                secret_nonce=nonce,
                secret_ciphertext=ciphertext,
                last_step=step,
            )
            note(user, "ram:BindMFADevice", actor=user.login, source_ip=source_ip, kind="totp")
    except IntegrityError:
        raise Rejected(_("You have an authenticator app already. Remove it to set up another."), "CONFLICT") from None
    return made


def check(user: User, code: str, *, source_ip: str) -> None:
    """Takes a code of the app, or a recovery code, which is used up.

    Raises: Unauthenticated with one text whatever was wrong; TryLater as `attempts.begin`.
    Effects: a failure is in the audit.
    """
    subject = f"{user.name}/second-factor"
    attempts.begin(user.account.name, subject, source_ip)
    plain = _plain(code)
    if len(plain) > limits.CODE_CHARS or not (_take_step(user, plain) or _take_recovery_code(user, plain, source_ip)):
        refuse(user, source_ip=source_ip)
    attempts.succeed(user.account.name, subject, source_ip)


def refuse(user: User, *, source_ip: str) -> None:
    """Raises Unauthenticated after writing down that a second factor was wrong; how often, when it repeats itself."""
    denials.note(
        denials.Refusal(
            account_id=user.account_id,
            login=user.login,
            actor=user.login,
            source_ip=source_ip,
            action="ram:SignIn",
            resource=f"acs:ram:*:{user.account_id}:user/{user.name}",
            detail={"step": "second factor"},
        )
    )
    raise Unauthenticated(_("The code is wrong, or was used already."))


def remove(user: User, factor_id: int, *, actor: str, source_ip: str = "") -> None:
    """Removes one factor; with the last one go the recovery codes.

    Raises: NotFound; Rejected CONFLICT for the last one while the account wants everybody to have one.
    """
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        mine = SecondFactor.objects.filter(user=user)
        factor = mine.filter(pk=factor_id).first()
        if factor is None:
            raise NotFound(_("There is no such second factor."))
        is_last = mine.count() == 1
        if is_last and user.account.requires_second_factor:
            raise Rejected(_("The account wants a second factor of everybody. Add another one first."), "CONFLICT")
        factor.delete()
        if is_last:
            RecoveryCode.objects.filter(user=user).delete()
        note(user, "ram:UnbindMFADevice", actor=actor, source_ip=source_ip, kind=factor.kind, name=factor.name)


def remove_all(user: User, *, actor: str, source_ip: str = "") -> None:
    """Removes every factor and recovery code: for somebody who lost them."""
    with transaction.atomic():
        count = SecondFactor.objects.filter(user=user).delete()[0]
        RecoveryCode.objects.filter(user=user).delete()
        note(user, "ram:UnbindMFADevice", actor=actor, source_ip=source_ip, count=count)


def new_recovery_codes(user: User, *, source_ip: str = "") -> list[str]:
    """Returns ten fresh codes, which take the place of the old ones. They cannot be shown again.

    Raises: Rejected when there is no factor they could stand in for.
    """
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_CODE_CHARS)) for _ in range(limits.RECOVERY_CODE_COUNT)]
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        if not has_any(user):
            raise Rejected(_("Recovery codes stand in for a second factor. Add one first."), "CONFLICT")
        RecoveryCode.objects.filter(user=user).delete()
        RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(user, code)) for code in codes)
        note(user, "ram:CreateRecoveryCodes", actor=user.login, source_ip=source_ip)
    return ["-".join(code[at : at + 4] for at in range(0, _CODE_CHARS, 4)) for code in codes]


def recovery_codes_left(user: User) -> int:
    """Returns how many recovery codes are unused."""
    return RecoveryCode.objects.filter(user=user).count()


def note(user: User, action: str, *, actor: str, source_ip: str, **detail: object) -> None:
    """Writes the audit row of what happened to a user's factors."""
    audit.record(
        user.account_id,
        actor,
        action,
        resource=f"acs:ram:*:{user.account_id}:user/{user.name}",
        source_ip=source_ip,
        detail=detail,
    )


def _take_step(user: User, code: str) -> bool:
    """Returns True if the app makes this code about now and it was not used; it counts as used from here on."""
    factor = SecondFactor.objects.filter(user=user, kind=SecondFactor.Kind.TOTP).first()
    if factor is None:
        return False
    secret = vault.unseal(
        bytes(factor.secret_nonce),
        bytes(factor.secret_ciphertext),
        account_id=user.account_id,
        key_id=_binding(user),
    )
    step = _step_of(base64.b32decode(secret), code)
    if step is None:
        return False
    unused = SecondFactor.objects.filter(pk=factor.pk, last_step__lt=step)
    return unused.update(last_step=step, last_used_at=clock.now()) == 1


def _take_recovery_code(user: User, code: str, source_ip: str) -> bool:
    with transaction.atomic():
        if not RecoveryCode.objects.filter(user=user, digest=_digest(user, code.lower())).delete()[0]:
            return False
        note(user, "ram:UseRecoveryCode", actor=user.login, source_ip=source_ip, left=recovery_codes_left(user))
    return True


def _step_of(secret: bytes, code: str) -> int | None:
    """Returns the time step in which the app makes `code`: this one or a neighbour, for clocks that differ a little."""
    totp = TOTP(secret, _DIGITS, SHA1(), _STEP_SECONDS)  # noqa: S303 # what RFC 6238 and every app mean
    present = int(clock.now_seconds()) // _STEP_SECONDS
    found = None
    for step in (present - 1, present, present + 1):
        if hmac.compare_digest(totp.generate(step * _STEP_SECONDS), code.encode("utf-8", "replace")):
            found = step
    return found


def _digest(user: User, code: str) -> bytes:
    return vault.fingerprint(f"recovery code of {user.pk}: {code}")


def _binding(user: User) -> str:
    return f"totp of user {user.pk}"


def _plain(code: str) -> str:
    return code.replace(" ", "").replace("-", "").strip()
