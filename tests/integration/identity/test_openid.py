"""Signing in through a provider: who that is, and every lie that is found out."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.test import Client

from accounts import clock, members, openid_discovery, openid_settings
from accounts.models import AuditEntry, ExternalIdentity, User
from tests.integration.identity import provider as small
from tests.integration.identity.entering import app_code, give_app, is_inside
from tests.integration.identity.provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.integration.three_people import People


@pytest.fixture
def provider(people: People, settings: Any) -> Iterator[Provider]:
    openid_discovery.forget()
    with small.running() as running:
        configure(settings, running)
        yield running


def configure(settings: Any, provider: Provider, **options: Any) -> None:
    given = {
        "name": "Example Ltd",
        "issuer": provider.issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "provision": True,
        **options,
    }
    settings.OPENID_PROVIDERS = openid_settings.parse(json.dumps({"acme": given}))


def answer_of(browser: Client, path: str = "/signin/acme/openid?next=/keys") -> str:
    """Returns the address the provider sends the browser back to."""
    left = browser.get(path)
    assert left.status_code == 302, left.content
    return str(httpx.get(left.headers["Location"], follow_redirects=False, timeout=120).headers["location"])


def go_through(browser: Client) -> Any:
    """Returns the answer to the browser that comes back from the provider."""
    back = urlsplit(answer_of(browser))
    return browser.get(f"{back.path}?{back.query}")


def refusal(browser: Client) -> str:
    """Returns what the sign-in page says to the browser that comes back."""
    answer = go_through(browser)
    assert answer.headers["Location"] == "/signin/acme"
    assert not is_inside(browser)
    return str(browser.get("/signin/acme").content.decode()).partition("You are not signed in:")[2]


def test_somebody_new_is_made_and_is_the_same_one_ever_after(people: People, provider: Provider, settings: Any) -> None:
    members.create_group(people.owner.actor, "readers")
    configure(settings, provider, groups=["readers"])
    browser = Client()
    assert go_through(browser).headers["Location"] == "/keys"
    assert is_inside(browser)
    lena = User.objects.get(name="lena")
    assert [group.name for group in lena.user_groups.all()] == ["readers"]
    assert not lena.has_usable_password()
    provider.person = {"sub": "s-1", "preferred_username": "renamed"}
    again = Client()
    go_through(again)
    assert again.get("/api/v1/whoami").json()["user"] == "lena"
    assert not User.objects.filter(name="renamed").exists()
    entry = AuditEntry.objects.filter(action="ram:SignIn").latest("pk")
    assert entry.detail == {"by": "openid", "second_factor": False}


def test_question_has_pkce_state_and_nonce_of_its_own(people: People, provider: Provider) -> None:
    for _ in range(2):
        go_through(Client())
    first, second = provider.asked
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 43
        assert first[name] != second[name]
    assert first["code_challenge_method"] == "S256"
    assert first["redirect_uri"] == "http://testserver/signin/acme/openid/back"


@pytest.mark.parametrize(
    ("lies", "reason"),
    [
        ({"iss": "https://elsewhere.example"}, "not right"),
        ({"aud": "somebody-else"}, "not right"),
        ({"aud": [CLIENT_ID, "somebody-else"]}, "another program"),
        ({"azp": "somebody-else"}, "another program"),
        ({"nonce": "of another sign-in"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"exp": 1_000_000_000}, "not right"),
        ({"exp": None}, "not right"),
        ({"iat": None}, "not right"),
        ({"iat": 9_000_000_000}, "not right"),
        ({"sub": None}, "not right"),
        ({"sub": ""}, "names nobody"),
        ({"preferred_username": None}, "preferred_username"),
        ({"preferred_username": "no name at all"}, "cannot be the name"),
    ],
)
def test_token_that_says_something_else_is_refused(provider: Provider, lies: dict[str, Any], reason: str) -> None:
    provider.lies = lies
    assert reason in refusal(Client())
    assert not User.objects.filter(name="lena").exists()
    assert AuditEntry.objects.filter(action="ram:SignIn", outcome="refused").latest("pk").detail["by"] == "openid"


def test_token_that_is_signed_by_somebody_else_or_not_at_all_is_refused(provider: Provider) -> None:
    provider.signs_with = small.new_key()
    assert "not right" in refusal(Client())
    provider.signs_with, provider.algorithm = None, "none"
    assert "not accepted" in refusal(Client())
    # The classic: the public key, which everybody has, as the secret of a symmetric signature.
    provider.signs_with, provider.algorithm = "x" * 64, "HS256"
    assert "not accepted" in refusal(Client())
    provider.signs_with, provider.algorithm = None, "RS256"
    assert go_through(Client()).headers["Location"] == "/keys"


def test_provider_may_change_its_key(provider: Provider) -> None:
    go_through(Client())
    provider.key, provider.kid = small.new_key(), "second"
    assert "does not publish" in refusal(Client())  # it was asked a moment ago
    with clock.travel(60):
        assert go_through(Client()).headers["Location"] == "/keys"


def test_answer_counts_once_and_only_in_the_browser_that_asked(provider: Provider) -> None:
    browser, thief = Client(), Client()
    back = urlsplit(answer_of(browser))
    path = f"{back.path}?{back.query}"
    assert thief.get(path).headers["Location"] == "/signin/acme"
    answer_of(thief)  # has asked something of its own now
    assert thief.get(path).headers["Location"] == "/signin/acme"
    assert not is_inside(thief)
    assert browser.get(path).headers["Location"] == "/keys"
    browser.post("/signout")
    assert browser.get(path).headers["Location"] == "/signin/acme"
    assert not is_inside(browser)


def test_answer_of_another_provider_or_with_an_error_is_refused(provider: Provider) -> None:
    for change in ({"iss": "https://elsewhere.example"}, {"code": "", "error": "access_denied"}, {"state": "made up"}):
        browser = Client()
        back = urlsplit(answer_of(browser))
        query = {name: values[0] for name, values in parse_qs(back.query).items()}
        assert browser.get(back.path, {**query, **change}).headers["Location"] == "/signin/acme"
        assert not is_inside(browser)


def test_existing_sub_account_is_linked_only_if_the_operator_says_so_and_root_never(
    people: People, provider: Provider, settings: Any
) -> None:
    provider.person = {"sub": "s-9", "preferred_username": "mia"}
    assert "not linked" in refusal(Client())
    configure(settings, provider, link_existing=True)
    browser = Client()
    go_through(browser)
    assert browser.get("/api/v1/whoami").json()["user"] == "mia"
    provider.person = {"sub": "s-10", "preferred_username": "mia"}
    assert "somebody else" in refusal(Client())
    provider.person = {"sub": "s-11", "preferred_username": "root"}
    assert "not linked" in refusal(Client())
    assert ExternalIdentity.objects.count() == 1


def test_nobody_is_made_unless_the_operator_says_so(provider: Provider, settings: Any) -> None:
    configure(settings, provider, provision=False)
    assert "Ask its owner" in refusal(Client())


def test_address_counts_when_it_is_verified_and_of_the_right_domain(provider: Provider, settings: Any) -> None:
    configure(settings, provider, user_from="email", email_domains=["example.com"])
    provider.person = {"sub": "s-1", "email": "Mei.Lin@example.com"}
    assert "not verified" in refusal(Client())
    provider.person |= {"email_verified": True}
    browser = Client()
    go_through(browser)
    assert browser.get("/api/v1/whoami").json()["user"] == "mei-lin"
    provider.person = {"sub": "s-2", "email": "root@example.com.evil.example", "email_verified": True}
    assert "do not count" in refusal(Client())


def test_second_factor_is_the_providers_or_ours(people: People, provider: Provider, settings: Any) -> None:
    go_through(Client())
    lena = User.objects.select_related("account").get(name="lena")
    secret = give_app(lena)
    plain = Client()
    assert go_through(plain).headers["Location"] == "/signin-second"
    assert plain.post("/signin-second", {"code": app_code(secret)}).headers["Location"] == "/keys"
    provider.person |= {"amr": ["pwd", "mfa"]}
    assert go_through(Client()).headers["Location"] == "/keys"
    configure(settings, provider, trust_second_factor=False)
    assert go_through(Client()).headers["Location"] == "/signin-second"


def test_user_who_is_switched_off_stays_out(people: People, provider: Provider) -> None:
    browser = Client()
    go_through(browser)
    members.set_active(people.owner.actor, "lena", False)
    assert not is_inside(browser)
    assert "switched off" in refusal(Client())


def test_provider_that_is_away_is_told_of(provider: Provider, settings: Any) -> None:
    settings.OPENID_PROVIDERS = openid_settings.parse(
        json.dumps({"acme": {"issuer": "http://127.0.0.1:1", "client_id": "x"}})
    )
    browser = Client()
    assert browser.get("/signin/acme/openid").headers["Location"] == "/signin/acme"
    assert "cannot be used just now" in browser.get("/signin/acme").content.decode()


def test_button_is_on_the_page_of_the_account_that_has_a_provider(people: People, provider: Provider) -> None:
    assert "Sign in with Example Ltd" in Client().get("/signin/acme").content.decode()
    assert "Example Ltd" not in Client().get("/signin/rival").content.decode()
    assert Client().get("/signin/rival/openid").status_code == 404


def test_old_description_is_read_again(provider: Provider) -> None:
    go_through(Client())
    provider.issuer = "https://elsewhere.example"
    with clock.travel(timedelta(hours=2).total_seconds()):
        answer = Client().get("/signin/acme/openid")
        assert answer.headers["Location"] == "/signin/acme"
