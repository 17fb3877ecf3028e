"""What an OpenID provider says of itself, its keys, and its answer to a code.

Owns: requests to the provider, their bounds, and how long its description is believed. Must not know: users, claims.
Called by: openid. Blocks, at most some seconds: never from an event loop's thread.

No redirect is followed: where to go is in the description, which is fetched from the issuer itself.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from . import clock, limits
from .errors import TryLater, Unauthenticated
from .openid_settings import Provider, is_loopback

Json = dict[str, Any]  # Any: JSON values


@dataclass(frozen=True, slots=True)
class Description:
    """A provider's endpoints."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    takes_basic: bool
    read_at: float


@dataclass(frozen=True, slots=True)
class _Keys:
    found: tuple[jwt.PyJWK, ...]
    read_at: float


_descriptions: dict[str, Description] = {}
_keys: dict[str, _Keys] = {}
_lock = threading.Lock()


def describe(issuer: str) -> Description:
    """Returns the provider's endpoints, an hour old at most. Raises TryLater when they cannot be read."""
    known = _descriptions.get(issuer)
    if known is not None and clock.monotonic() - known.read_at < limits.OPENID_BELIEVED_SECONDS:
        return known
    said = _get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if said.get("issuer") != issuer:
        raise _away("it calls itself by another name")
    addresses = [said.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    if not all(isinstance(address, str) and _may_be_asked(address) for address in addresses):
        raise _away("its endpoints are missing, or are not https")
    methods = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    made = Description(
        authorization_endpoint=str(addresses[0]),
        token_endpoint=str(addresses[1]),
        jwks_uri=str(addresses[2]),
        takes_basic="client_secret_basic" in methods,
        read_at=clock.monotonic(),
    )
    _descriptions[issuer] = made
    return made


def key(issuer: str, kid: str, algorithm: str) -> jwt.PyJWK:
    """Returns the provider's key of this id. A key that is not known makes it ask again, once in a while.

    Raises: Unauthenticated when the provider has no such key; TryLater when its keys cannot be read.
    """
    with _lock:
        known = _keys.get(issuer)
        age = clock.monotonic() - known.read_at if known is not None else float("inf")
        found = _pick(known, kid, algorithm) if age < limits.OPENID_BELIEVED_SECONDS else None
        if found is None and age >= limits.OPENID_KEYS_AGAIN_SECONDS:
            _keys[issuer] = known = _read_keys(describe(issuer).jwks_uri)
            found = _pick(known, kid, algorithm)
    if found is None:
        raise Unauthenticated("The ID token is signed with a key that the provider does not publish.")
    return found


def exchange(provider: Provider, *, code: str, verifier: str, redirect_uri: str) -> str:
    """Returns the ID token the provider gives for a code. Raises Unauthenticated when it refuses; TryLater."""
    described = describe(provider.issuer)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
        "client_id": provider.client_id,
    }
    auth = None
    if provider.client_secret and described.takes_basic:
        auth = httpx.BasicAuth(provider.client_id, provider.client_secret)
    elif provider.client_secret:
        form["client_secret"] = provider.client_secret
    status, said = _ask("POST", described.token_endpoint, form=form, auth=auth)
    if 400 <= status < 500:
        raise Unauthenticated("The provider did not accept the code it gave. Start again.")
    token = said.get("id_token")
    if status != 200 or not isinstance(token, str):
        raise _away("it gave no ID token")
    return token


def forget() -> None:
    """Drops what is remembered of providers. For tests."""
    _descriptions.clear()
    _keys.clear()


def _pick(known: _Keys | None, kid: str, algorithm: str) -> jwt.PyJWK | None:
    if known is None:
        return None
    fitting = [one for one in known.found if one.algorithm_name == algorithm and (not kid or one.key_id == kid)]
    # Without an id in the token only a single key can be meant.
    return fitting[0] if len(fitting) == 1 or (fitting and kid) else None


def _read_keys(address: str) -> _Keys:
    listed = _get(address).get("keys")
    found = []
    for one in listed if isinstance(listed, list) else []:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or one.get("kty") == "oct":
            continue
        try:
            found.append(jwt.PyJWK(one))
        except jwt.PyJWTError:  # of a kind that is not known here
            continue
    return _Keys(tuple(found), clock.monotonic())


def _get(address: str) -> Json:
    status, said = _ask("GET", address)
    if status != 200:
        raise _away(f"it answered {status}")
    return said


def _ask(
    method: str, address: str, *, form: Mapping[str, str] | None = None, auth: httpx.BasicAuth | None = None
) -> tuple[int, Json]:
    """Returns the status and the JSON object of an answer that is small and comes soon."""
    body = bytearray()
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    try:
        with (
            httpx.Client(timeout=limits.OPENID_WAIT_SECONDS, follow_redirects=False) as client,
            client.stream(method, address, data=form, auth=auth, headers=headers) as answer,
        ):
            for part in answer.iter_raw():
                body += part
                if len(body) > limits.OPENID_ANSWER_BYTES:
                    raise _away("its answer is too long")
            status = answer.status_code
        said = json.loads(body)
    except httpx.HTTPError as error:
        raise _away(type(error).__name__) from None
    except ValueError:
        raise _away("its answer is not JSON") from None
    if not isinstance(said, dict):
        raise _away("its answer is not an object")
    return status, said


def _may_be_asked(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def _away(reason: str) -> TryLater:
    return TryLater(f"The sign-in provider cannot be used just now: {reason}.", retry_after_seconds=10)
