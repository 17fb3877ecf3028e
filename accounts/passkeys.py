"""Passkeys (WebAuthn): made on a device, checked at sign-in. `fido2` does the cryptography.

Owns: the rows of passkeys, what is asked of a browser and the judgement of its answer. Must not know: pages, sessions.
Called by: the sign-in and security pages, which keep `state` in the session between question and answer.

A passkey asks its owner for a fingerprint, a face or a PIN, so it is two factors in one: it signs in by itself, and it
serves as the second factor after a password. It belongs to the host name under which it was made, and an address of
digits is no host name.
"""

import ipaddress
import json
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from . import clock, limits, second_factors
from .errors import Rejected, Unauthenticated
from .models import SecondFactor, User

Json = dict[str, Any]  # Any: JSON values


def can_be_used(host: str) -> bool:
    """Returns True if browsers make passkeys for pages under this host name."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return True
    return False


def ask_to_make(user: User, *, origin: str, host: str) -> tuple[Json, Json]:
    """Returns (options for the browser, state for `add`)."""
    known = SecondFactor.objects.filter(user=user, kind=SecondFactor.Kind.PASSKEY, host=host)
    options, state = _server(origin, host).register_begin(
        PublicKeyCredentialUserEntity(id=_handle(user), name=user.login, display_name=user.login),
        credentials=[_descriptor(factor) for factor in known],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return dict(options), state


def add(
    user: User, answer: str, *, name: str, state: Json, origin: str, host: str, source_ip: str = ""
) -> SecondFactor:
    """Returns the new passkey.

    Raises: Rejected for an answer that does not fit the question, CONFLICT for too many, ALREADY_EXISTS.
    """
    if len(name) > limits.FACTOR_NAME_CHARS:
        raise Rejected(_("A name has at most %(n)d characters.") % {"n": limits.FACTOR_NAME_CHARS})
    try:
        made = _server(origin, host).register_complete(state, _parsed(answer))
    except (ValueError, KeyError, TypeError):
        raise Rejected(_("The browser's answer does not fit. Load the page again and try once more.")) from None
    credential = made.credential_data
    assert credential is not None, "fido2 checks it"
    try:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=user.pk)
            if SecondFactor.objects.filter(user=user).count() >= limits.FACTORS_PER_USER:
                raise Rejected(
                    _("You have %(n)d second factors. Remove one first.") % {"n": limits.FACTORS_PER_USER}, "CONFLICT"
                )
            factor = SecondFactor.objects.create(
                user=user,
                kind=SecondFactor.Kind.PASSKEY,
                name=name,
                credential_id=credential.credential_id,
                credential=bytes(credential),
                host=host,
                sign_count=made.counter,
            )
            second_factors.note(
                user, "ram:BindMFADevice", actor=user.login, source_ip=source_ip, kind="passkey", name=name
            )
    except IntegrityError:
        raise Rejected(_("This passkey is known already."), "ALREADY_EXISTS") from None
    return factor


def ask_to_show(user: User | None, *, origin: str, host: str) -> tuple[Json, Json]:
    """Returns (options for the browser, state for `recognise`). Without a user any passkey of this site may answer."""
    known = SecondFactor.objects.filter(user=user, kind=SecondFactor.Kind.PASSKEY, host=host) if user else ()
    options, state = _server(origin, host).authenticate_begin(
        credentials=[_descriptor(factor) for factor in known] or None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return dict(options), state


def recognise(answer: str, *, state: Json, origin: str, host: str, source_ip: str, user: User | None = None) -> User:
    """Returns whose passkey answered; with `user` it must be theirs.

    Raises: Unauthenticated with one text whatever was wrong. Attempts are not counted: nobody guesses a signature.
    """
    factor = _judge(answer, state=state, origin=origin, host=host)
    if factor is None or not factor.user.is_active or (user is not None and factor.user_id != user.pk):
        if user is not None:
            second_factors.refuse(user, source_ip=source_ip)
        raise Unauthenticated(_("This passkey is not known here. Use another one, or your password."))
    return factor.user


def _judge(answer: str, *, state: Json, origin: str, host: str) -> SecondFactor | None:
    """Returns the passkey that made a right answer. Effects: its count is moved on, so that no answer counts twice."""
    try:
        given = AuthenticationResponse.from_dict(_parsed(answer))
        found = SecondFactor.objects.select_related("user__account").filter(credential_id=given.raw_id, host=host)
        factor = found.first()
        if factor is None:
            return None
        credential = AttestedCredentialData(bytes(factor.credential))
        _server(origin, host).authenticate_complete(state, [credential], given)
    except (ValueError, KeyError, TypeError):
        return None
    count = given.response.authenticator_data.counter
    # Most devices keep no count and send 0. One that counts must count up: a copy of it would fall behind.
    unused = SecondFactor.objects.filter(pk=factor.pk, sign_count=factor.sign_count)
    if (count or factor.sign_count) and count <= factor.sign_count:
        return None
    return factor if unused.update(sign_count=count, last_used_at=clock.now()) else None


def _server(origin: str, host: str) -> Fido2Server:
    return Fido2Server(
        PublicKeyCredentialRpEntity(id=host, name="mqconsole"), verify_origin=lambda given: given == origin
    )


def _descriptor(factor: SecondFactor) -> PublicKeyCredentialDescriptor:
    assert factor.credential_id is not None
    return PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=bytes(factor.credential_id))


def _handle(user: User) -> bytes:
    return f"mqconsole user {user.pk}".encode()


def _parsed(answer: str) -> Json:
    if len(answer) > limits.PASSKEY_ANSWER_CHARS:
        raise ValueError("too long")
    read = json.loads(answer)
    if not isinstance(read, dict):
        raise ValueError("not an object")
    return read
