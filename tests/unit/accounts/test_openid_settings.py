"""A wrong setting of a provider says what is wrong, and never the secret."""

import json
from typing import Any

import pytest

from accounts import openid_settings

RIGHT = {"issuer": "https://login.example.com/staff", "client_id": "mq", "client_secret": "canary-secret"}


def test_setting_is_read_with_its_defaults() -> None:
    assert openid_settings.parse("") == {}
    made = openid_settings.parse(json.dumps({"main": {**RIGHT, "groups": ["a", "b"], "provision": True}}))["main"]
    assert (made.name, made.user_from, made.groups, made.provision) == (
        "OpenID",
        "preferred_username",
        ("a", "b"),
        True,
    )
    assert made.link_existing is False


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"issuer": "http://login.example.com"}, "https"),
        ({"issuer": "https://user:canary-secret@login.example.com"}, "user"),
        ({"issuer": ""}, "missing"),
        ({"client_id": 7}, "text"),
        ({"provision": "yes"}, "true or false"),
        ({"groups": "readers"}, "list"),
        ({"user_from": "name"}, "user_from"),
        ({"user_from": "email"}, "email_domains"),
        ({"scopes": ["email"]}, "openid"),
        ({"isuer": "x"}, "isuer"),
    ],
)
def test_wrong_setting_says_what_is_wrong_and_no_secret(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        openid_settings.parse(json.dumps({"main": {**RIGHT, **change}}))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"main": 1}', '{"main": {}}'])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|object|missing"):
        openid_settings.parse(text)
