"""Second factors in a real browser: an authenticator app with its recovery codes, and a passkey of a virtual device."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Visitor
from tests.integration.identity.entering import app_code

pytestmark = pytest.mark.browser

PASSWORD = "seven quiet lighthouses"


def make_user(visitor: Visitor, name: str) -> None:
    visitor.go("/users")
    visitor.page.get_by_label("Name").fill(name)
    visitor.page.get_by_label("Console password").fill(PASSWORD)
    visitor.press("Create user")
    expect(visitor.page.locator("h1")).to_have_text(name)


@pytest.fixture
def guest(browser: Browser, visitor: Visitor) -> Iterator[Page]:
    """Another browser, which opens the console by name as passkeys need it."""
    context = browser.new_context(locale="en-GB", base_url=visitor.server.url.replace("127.0.0.1", "localhost"))
    context.set_default_timeout(60_000)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    yield page
    context.close()
    assert not faults, faults


def give_password(page: Page, visitor: Visitor, name: str) -> None:
    page.goto(f"/signin/{visitor.server.credentials['account']}")
    page.get_by_label("User").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page, "the password was taken").not_to_have_url(re.compile("/signin/"))


def sign_out(page: Page) -> None:
    page.get_by_label("Your account").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signin")


def test_authenticator_app_is_asked_for_and_a_recovery_code_stands_in(visitor: Visitor, guest: Page) -> None:
    make_user(visitor, "tess")
    give_password(guest, visitor, "tess")
    guest.wait_for_url("**/")
    guest.goto("/security/app")
    expect(guest.get_by_role("img", name="QR code for the app")).to_be_visible()
    guest.get_by_text("Or type the secret into the app").click()
    secret = guest.locator("#app-secret").inner_text()
    guest.get_by_label("Code", exact=True).fill(app_code(secret))
    guest.get_by_role("button", name="Confirm").click()
    codes = guest.locator("#recovery-codes").inner_text().split()
    assert len(codes) == 10
    guest.get_by_role("link", name="I have kept them").click()
    expect(guest.locator("#main")).to_contain_text("10 recovery codes left")

    sign_out(guest)
    give_password(guest, visitor, "tess")
    guest.wait_for_url("**/signin-second")
    guest.get_by_label("Code").fill("000 000")
    guest.get_by_role("button", name="Sign in").click()
    expect(guest.get_by_role("alert")).to_contain_text("This is wrong")
    # Codes of this step and the next count, so half a minute may pass on the way; each counts once.
    guest.get_by_label("Code").fill(app_code(secret, steps_ahead=1))
    guest.get_by_role("button", name="Sign in").click()
    guest.wait_for_url("**/")
    sign_out(guest)
    give_password(guest, visitor, "tess")
    guest.get_by_label("Code").fill(codes[3])
    guest.get_by_role("button", name="Sign in").click()
    guest.wait_for_url("**/")
    guest.goto("/security")
    expect(guest.locator("#main")).to_contain_text("9 recovery codes left")


def test_passkey_is_made_and_signs_in_alone_and_as_the_second_step(visitor: Visitor, guest: Page) -> None:
    make_user(visitor, "pia")
    device = guest.context.new_cdp_session(guest)
    device.send("WebAuthn.enable")
    options: dict[str, Any] = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    authenticator = device.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    give_password(guest, visitor, "pia")
    guest.wait_for_url("**/")
    guest.goto("/security/passkey")
    guest.locator("#passkey-name").fill("Blue key")
    guest.get_by_role("button", name="Make a passkey").click()
    guest.get_by_role("link", name="I have kept them").click()
    expect(guest.locator("#main")).to_contain_text("Blue key")
    expect(guest.locator("#main")).to_contain_text("passkey for localhost")

    sign_out(guest)
    guest.get_by_role("link", name="Sign in with a passkey").click()
    guest.get_by_role("button", name="Use a passkey").click()
    guest.wait_for_url("**/")
    sign_out(guest)
    give_password(guest, visitor, "pia")
    guest.get_by_role("button", name="Use a passkey").click()
    guest.wait_for_url("**/")
    guest.goto("/sessions")
    expect(guest.locator("tbody tr")).to_have_count(1)
    expect(guest.locator("tbody")).to_contain_text("second factor")

    # A device that does not ask its owner proves no second factor.
    sign_out(guest)
    device.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False})
    guest.get_by_role("link", name="Sign in with a passkey").click()
    guest.get_by_role("button", name="Use a passkey").click()
    expect(guest.get_by_role("alert")).to_contain_text("Nothing was confirmed")
    assert guest.url.partition("?")[0].endswith("/signin-passkey")


def test_somebody_who_is_invited_chooses_the_password_and_enters(visitor: Visitor, guest: Page) -> None:
    visitor.go("/users")
    visitor.page.get_by_label("Name").fill("nora")
    visitor.press("Create and invite")
    link = visitor.page.locator("#fresh-link").inner_text()
    guest.goto(link.replace("127.0.0.1", "localhost"))
    assert guest.url.endswith("/invitation")
    guest.get_by_label("Password").fill("password1234")
    guest.get_by_role("button", name="Set password").click()
    expect(guest.locator("form")).to_contain_text(["attackers"])
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Set password").click()
    guest.wait_for_url("**/signin/*")
    expect(guest.locator("#main")).to_contain_text("Your password is set")
    give_password(guest, visitor, "nora")
    guest.wait_for_url("**/")


def test_session_is_ended_from_another_browser(visitor: Visitor, browser: Browser) -> None:
    make_user(visitor, "sam")
    contexts = [browser.new_context(locale="en-GB", base_url=visitor.server.url) for _ in range(2)]
    here, there = (context.new_page() for context in contexts)
    for page in (here, there):
        give_password(page, visitor, "sam")
        page.wait_for_url("**/")
    here.goto("/sessions")
    expect(here.locator("tbody tr")).to_have_count(2)
    here.get_by_role("button", name="End all others").click()
    expect(here.locator("tbody tr")).to_have_count(1)
    there.goto("/keys")
    there.wait_for_url("**/signin?next=/keys")
    visitor.go("/users/sam")
    visitor.press("End all")
    expect(visitor.page.locator("#main")).to_contain_text("signed out everywhere")
    here.goto("/keys")
    here.wait_for_url("**/signin?next=/keys")
    for context in contexts:
        context.close()
