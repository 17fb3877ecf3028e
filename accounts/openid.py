"""Signing in through an OpenID provider: authorization code with PKCE, and whom the answer means.

Owns: the questions to the provider, the checks of its ID token, and which user a subject is. Must not know: pages,
sessions. Called by: the OpenID pages, which keep the note between `begin` and `finish`. PyJWT checks signatures.

Everything the provider sends is judged: state, issuer, signature (never by a shared secret, never "none"), audience,
times, nonce. A subject is one user of an account for good; a name or an address only says who that is the first time.
Source: OpenID Connect Core 1.0, RFC 7636 (PKCE), RFC 9207 (iss), RFC 9700.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import jwt
from django.conf import settings
from django.db import transaction

from . import audit, denials, keys, limits, openid_discovery, people
from .errors import Rejected, Unauthenticated
from .models import Account, ExternalIdentity, User, UserGroup
from .openid_settings import Provider

Json = dict[str, Any]  # Any: JSON values

_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


@dataclass(frozen=True, slots=True)
class Proof:
    """Who came back from the provider."""

    user: User
    second_factor: bool


def provider_of(account: str) -> Provider | None:
    """Returns how people of this account may come in, None when there is no provider."""
    found: Provider | None = settings.OPENID_PROVIDERS.get(account)
    return found


def begin(provider: Provider, *, redirect_uri: str) -> tuple[str, Json]:
    """Returns (address to send the browser to, note for `finish`). Raises TryLater when the provider is away."""
    described = openid_discovery.describe(provider.issuer)
    note = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    note["redirect_uri"] = redirect_uri
    challenge = base64.urlsafe_b64encode(hashlib.sha256(note["verifier"].encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(provider.scopes),
        "state": note["state"],
        "nonce": note["nonce"],
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    joint = "&" if "?" in described.authorization_endpoint else "?"
    return f"{described.authorization_endpoint}{joint}{urlencode(asked)}", note


def finish(account: str, provider: Provider, *, note: Json, answer: Mapping[str, str], source_ip: str) -> Proof:
    """Returns who the provider says it is.

    Shapes: `note` as `begin` made it, used for one answer only; `answer` the query of the address the browser came
        back with.
    Raises: Unauthenticated with the reason; TryLater when the provider is away.
    Effects: may make a user or link one; a refusal is in the audit.
    """
    try:
        claims = _claims(provider, note, answer)
        user = _user_of(account, provider, claims, source_ip=source_ip)
    except Unauthenticated as error:
        _note_refusal(account, provider, error.detail, source_ip=source_ip)
        raise
    amr = claims.get("amr")
    return Proof(user, provider.trust_second_factor and isinstance(amr, list) and "mfa" in amr)


def _claims(provider: Provider, note: Json, answer: Mapping[str, str]) -> Json:
    """Returns the checked claims of the ID token that the code in `answer` is exchanged for."""
    if not hmac.compare_digest(answer.get("state", "").encode(), str(note["state"]).encode()):
        raise Unauthenticated("The answer does not belong to this browser's question. Start again.")
    if "iss" in answer and answer["iss"] != provider.issuer:
        raise Unauthenticated("The answer is from another provider than was asked.")
    if not answer.get("code"):
        error = answer.get("error", "")
        known = error if re.fullmatch(r"[a-z_]{1,64}", error) else "it gave no code"
        raise Unauthenticated(f"The provider did not let you through: {known}.")
    token = openid_discovery.exchange(
        provider, code=answer["code"], verifier=str(note["verifier"]), redirect_uri=str(note["redirect_uri"])
    )
    return _check_token(provider, token, nonce=str(note["nonce"]))


def _check_token(provider: Provider, token: str, *, nonce: str) -> Json:
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in _ALGORITHMS:
            raise Unauthenticated("The ID token is signed in a way that is not accepted.")
        claims: Json = jwt.decode(
            token,
            openid_discovery.key(provider.issuer, str(header.get("kid", "")), str(header["alg"])),
            algorithms=[str(header["alg"])],
            audience=provider.client_id,
            issuer=provider.issuer,
            leeway=limits.OPENID_LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "aud", "iss", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise Unauthenticated(f"The ID token is not right: {error}.") from None
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise Unauthenticated("The ID token is not for this sign-in: its nonce is another one.")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if (several or "azp" in claims) and claims.get("azp") != provider.client_id:
        raise Unauthenticated("The ID token was made for another program.")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= limits.OPENID_SUBJECT_CHARS:
        raise Unauthenticated("The ID token names nobody.")
    return claims


def _user_of(account_name: str, provider: Provider, claims: Json, *, source_ip: str) -> User:
    account = Account.objects.filter(name=account_name).first()
    if account is None:
        raise Unauthenticated("There is no such account.")
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        known = ExternalIdentity.objects.select_related("user__account").filter(
            account=account, issuer=provider.issuer, subject=claims["sub"]
        )
        identity = known.first()
        user = identity.user if identity is not None else _first_time(account, provider, claims, source_ip=source_ip)
    if not user.is_active:
        raise Unauthenticated("This user is switched off.")
    return user


def _first_time(account: Account, provider: Provider, claims: Json, *, source_ip: str) -> User:
    """Returns whom a subject nobody knows yet is from now on: somebody of that name, or somebody new."""
    name = _name(provider, claims)
    user = User.objects.select_related("account").filter(account=account, name=name).first()
    if user is None:
        user = _provision(account, provider, name, source_ip=source_ip)
    elif not provider.link_existing or user.is_root:
        raise Unauthenticated(f"There is a user {name} already, and this sign-in is not linked to it.")
    elif user.external_identities.filter(issuer=provider.issuer).exists():
        raise Unauthenticated(f"The user {name} is somebody else at the provider.")
    ExternalIdentity.objects.create(account=account, user=user, issuer=provider.issuer, subject=claims["sub"])
    audit.record(
        account.pk,
        f"openid {provider.issuer}",
        "ram:LinkIdentity",
        resource=f"acs:ram:*:{account.pk}:user/{name}",
        source_ip=source_ip,
        detail={"subject": claims["sub"]},
    )
    return user


def _provision(account: Account, provider: Provider, name: str, *, source_ip: str) -> User:
    if not provider.provision:
        raise Unauthenticated(f"There is no user {name} in this account. Ask its owner to create one.")
    if User.objects.filter(account=account).count() > limits.USERS_PER_ACCOUNT:
        raise Unauthenticated("The account has as many users as it may have.")
    groups = list(UserGroup.objects.filter(account=account, name__in=provider.groups))
    if len(groups) != len(set(provider.groups)):
        raise Unauthenticated("A user group that new people are to join does not exist. Tell the operator.")
    try:
        made = people.create_user(account, name, password=None, actor=f"openid {provider.issuer}", source_ip=source_ip)
    except Rejected as error:
        raise Unauthenticated(error.detail) from None
    made.user_groups.set(groups)
    for group in groups:
        audit.record(
            account.pk,
            f"openid {provider.issuer}",
            "ram:AddUserToGroup",
            resource=f"acs:ram:*:{account.pk}:group/{group.name}",
            source_ip=source_ip,
            detail={"user": name},
        )
    keys.raise_version()
    return made


def _name(provider: Provider, claims: Json) -> str:
    """Returns the name of the sub-account that the claims mean. Raises Unauthenticated when they do not say."""
    value = claims.get(provider.user_from)
    if not isinstance(value, str) or not value:
        raise Unauthenticated(f"The provider did not say who you are: {provider.user_from} is missing.")
    value = value.lower()
    if provider.user_from == "email":
        value, _at, domain = value.rpartition("@")
        if claims.get("email_verified") is not True:
            raise Unauthenticated("The provider has not verified your e-mail address.")
        if domain not in provider.email_domains:
            raise Unauthenticated(f"Addresses of {domain or 'no domain'} do not count here.")
    name = value.replace(".", "-")
    try:
        people.check_name("user", name)
    except Rejected:
        raise Unauthenticated(f"{value!r} cannot be the name of a user here.") from None
    return name


def _note_refusal(account: str, provider: Provider, reason: str, *, source_ip: str) -> None:
    account_id = people.account_id(account)
    if account_id is None:
        return
    # Anybody may ask, as often as they like: what repeats itself is counted.
    denials.note(
        denials.Refusal(
            account_id=account_id,
            login=f"openid {provider.issuer}",
            actor=f"openid {provider.issuer}",
            source_ip=source_ip,
            action="ram:SignIn",
            resource=f"acs:ram:*:{account_id}:*",
            detail={"by": "openid", "reason": reason},
        )
    )
