"""The pages that no address alone leads to: signing in, being a guest with few rights, acting in a role, dialogs."""

import base64
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.sync_api import Page

from tests.e2e.exhibits import PASSWORD, Client

SESSION = "sessionid"


def walk(page: Page, url: str, given: Mapping[str, Any]) -> Iterator[str]:
    """Yields the name of what the page shows, each time there is something to see. Needs `exhibits.make` before it.

    Whoever is signed in is signed out. Labels are not used: the pages may be in any language.
    """
    client = Client(url, given)
    yield from _doors(page, url, client)
    yield from _onlooker(page, url, given)
    yield from _nobody_in_particular(page, url, given)
    yield from _second_factor(page, url, client)


def sign_in(page: Page, url: str, account: str, *, name: str, password: str) -> None:
    """Types who one is, in a browser where nobody is signed in, and sends it off."""
    page.context.clear_cookies(name=SESSION)
    page.goto(f"{url}/signin/{account}")
    page.locator("#id_name").fill(name)
    page.locator("#id_password").fill(password)
    page.locator("main form button.btn-primary").click()
    page.wait_for_load_state("load")


def _doors(page: Page, url: str, client: Client) -> Iterator[str]:
    account = client.given["account"]
    page.goto(f"{url}/signin")
    yield "signin"
    page.goto(f"{url}/signin/{account}")
    yield "signin-account"
    sign_in(page, url, account, name="root", password="not this one")
    yield "signin-refused"
    page.goto(f"{url}/signin-passkey")
    yield "signin-passkey"
    page.goto(f"{url}/invitation/not-a-token")
    yield "invitation-gone"
    client.call("POST", "/users", name="guest")
    page.goto(f"{url}/invitation/{client.call('POST', '/users/guest/invitation')['secret']}")
    yield "invitation"


def _onlooker(page: Page, url: str, given: Mapping[str, Any]) -> Iterator[str]:
    home = f"{url}/i/{given['instance']}"
    sign_in(page, url, given["account"], name="ann", password=PASSWORD)
    yield "onlooker-overview"
    page.goto(f"{home}/topics/shown")
    yield "onlooker-topic"
    page.goto(f"{home}/messages?topic=shown")
    yield "refused-messages"
    page.goto(f"{home}/new-topic")
    yield "refused-new-topic"
    page.goto(f"{url}/act-in-a-role")
    yield "role-offers"
    page.locator("#main form button.btn-primary, #main form button.btn-quiet").first.click()
    page.wait_for_url(f"{url}/")
    yield "role-banner"


def _nobody_in_particular(page: Page, url: str, given: Mapping[str, Any]) -> Iterator[str]:
    sign_in(page, url, given["account"], name="eve", password=PASSWORD)
    yield "nothing-granted"
    page.goto(f"{url}/users")
    yield "refused-users"


def _second_factor(page: Page, url: str, client: Client) -> Iterator[str]:
    account = client.given["account"]
    name = f"tess-{uuid.uuid4().hex[:8]}"
    client.call("POST", "/users", name=name, password=PASSWORD)
    client.call("PATCH", "/account", requires_second_factor=True)
    try:
        sign_in(page, url, account, name=name, password=PASSWORD)
        yield "enrol"
    finally:
        client.call("PATCH", "/account", requires_second_factor=False)
    sign_in(page, url, account, name=name, password=PASSWORD)
    page.goto(f"{url}/security/app")
    secret = page.locator("#app-secret").text_content() or ""
    page.locator("#app-code").fill(_app_code(secret))
    page.locator("#main form:has(#app-code) button.btn-primary").click()
    page.locator("#recovery-codes").wait_for()
    yield "recovery-codes"
    page.goto(f"{url}/security")
    yield "security-with-an-app"
    sign_in(page, url, account, name=name, password=PASSWORD)
    yield "second-step"
    page.locator("#id_code").fill("000000")
    page.locator("#main form:has(#id_code) button.btn-primary").click()
    page.wait_for_load_state("load")
    yield "second-step-refused"


def _app_code(secret: str) -> str:
    """Returns what an authenticator app with this secret showed half a minute ago; its present code stays unused."""
    totp = TOTP(base64.b32decode(secret.replace(" ", "")), 6, SHA1(), 30)
    return totp.generate(int(time.time()) - 30).decode()
