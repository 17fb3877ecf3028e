"""Which accounts let people in through an OpenID provider, as `MQ_OPENID` says it.

Owns: the form of the setting. Must not know: Django, the protocol. Called by: `mqconsole.settings`, once, at start.
The operator of the server writes it, not an account's owner: the server connects to the addresses it names.
"""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

USER_FROM = ("sub", "preferred_username", "email")


@dataclass(frozen=True, slots=True)
class Provider:
    """How one account's people come in."""

    name: str  # on the button
    issuer: str
    client_id: str
    client_secret: str = ""  # empty: a public client, which has PKCE alone
    user_from: str = "preferred_username"  # the claim that names the sub-account
    email_domains: tuple[str, ...] = ()  # whose addresses count, with user_from "email"
    link_existing: bool = False  # somebody of that name who is there already is the same person
    provision: bool = False  # somebody who is not there yet is made
    groups: tuple[str, ...] = ()  # the user groups of those who are made
    trust_second_factor: bool = True  # `amr` with "mfa" counts as a second factor here
    scopes: tuple[str, ...] = ("openid", "profile", "email")


def parse(text: str) -> dict[str, Provider]:
    """Returns providers by account name. Raises ValueError with what is wrong, never repeating a secret."""
    if not text.strip():
        return {}
    try:
        raw = json.loads(text)
    except ValueError:
        raise ValueError("is not JSON") from None
    if not isinstance(raw, dict):
        raise ValueError('must be an object such as {"main": {"issuer": "https://…", "client_id": "…"}}')
    return {account: _provider(account, given) for account, given in raw.items()}


def _provider(account: str, given: Any) -> Provider:  # Any: parsed JSON
    if not isinstance(given, Mapping):
        raise ValueError(f"{account}: must be an object")
    known = Provider.__dataclass_fields__
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(f"{account}: {unknown[0]} is not known; known are {', '.join(known)}")
    values = {"name": "OpenID", **{name: _value(account, name, value) for name, value in given.items()}}
    for needed in ("issuer", "client_id"):
        if not values.get(needed):
            raise ValueError(f"{account}: {needed} is missing")
    made = Provider(**values)
    _check_address(account, made.issuer)
    if made.user_from not in USER_FROM:
        raise ValueError(f"{account}: user_from is one of {', '.join(USER_FROM)}")
    if made.user_from == "email" and not made.email_domains:
        raise ValueError(f"{account}: with user_from email, email_domains says whose addresses count")
    if "openid" not in made.scopes:
        raise ValueError(f"{account}: scopes must have openid")
    return made


def _value(account: str, name: str, value: Any) -> Any:  # Any: parsed JSON
    kind = str(Provider.__dataclass_fields__[name].type)
    if "tuple" in kind:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"{account}: {name} must be a list of texts")
        return tuple(value)
    wanted = bool if "bool" in kind else str
    if not isinstance(value, wanted):
        raise ValueError(f"{account}: {name} must be {'true or false' if wanted is bool else 'a text'}")
    return value


def _check_address(account: str, issuer: str) -> None:
    parts = urlsplit(issuer)
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{account}: issuer must be an address without query, fragment and user")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError(f"{account}: issuer must begin with https://")


def is_loopback(host: str) -> bool:
    """Returns True for this machine itself, where a provider needs no TLS."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
