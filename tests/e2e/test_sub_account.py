"""A sub-account in a real browser: made, granted one topic, refused elsewhere with the reason, and cut off again."""

import base64
import json
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Visitor
from tests.stack import wait_until

pytestmark = pytest.mark.browser

PASSWORD = "sub account of the shop"


def test_sub_account_sees_the_one_topic_it_was_granted(visitor: Visitor, browser: Browser) -> None:
    page = visitor.page
    for name in ("invoices", "salaries"):
        visitor.call("/topics", name=name, type="NORMAL")
    visitor.go("/users")
    signin_url = page.locator("#signin-url").inner_text()
    page.get_by_label("Name").fill("clerk")
    page.get_by_label("Console password").fill(PASSWORD)
    visitor.press("Create user")
    expect(page.locator("h1")).to_have_text("clerk")
    visitor.press("Create a key")
    key = page.locator("#fresh-code").inner_text().partition("'")[2].rstrip("'")

    visitor.go(f"{visitor.home}/topics/invoices/access")
    page.get_by_label("To whom").select_option("user:clerk")
    page.get_by_label("Right").select_option("PUB")
    visitor.press("Grant")
    expect(page.locator("#main [role=status]").first).to_contain_text("Granted")

    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(60_000)
    clerk = context.new_page()
    clerk.goto(signin_url)
    clerk.get_by_label("User").fill("clerk")
    clerk.get_by_label("Password").fill(PASSWORD)
    clerk.get_by_role("button", name="Sign in").click()
    clerk.wait_for_url(visitor.server.url + "/")
    clerk.goto(f"{visitor.server.url}{visitor.home}/topics")
    expect(clerk.locator("#live tbody tr")).to_have_count(1)
    expect(clerk.locator("#live")).to_contain_text("invoices")
    clerk.goto(f"{visitor.server.url}{visitor.home}/topics/salaries")
    expect(clerk.locator("#main")).to_contain_text("You may not do this")
    expect(clerk.locator("#main")).to_contain_text("mq:QueryTopic")
    expect(clerk.locator("#main")).to_contain_text("no policy allows it")
    clerk.goto(f"{visitor.server.url}{visitor.home}/topics/invoices")
    expect(clerk.locator("h1")).to_have_text("invoices")
    clerk.goto(f"{visitor.server.url}{visitor.home}/topics/invoices/access")
    expect(clerk.locator("#main")).to_contain_text("You may not do this")
    clerk.goto(f"{visitor.server.url}{visitor.home}/topics/never-made")
    expect(clerk.locator("#main")).to_contain_text("no policy allows it")  # just as for what there is
    clerk.goto(f"{visitor.server.url}/users")
    expect(clerk.locator("#main")).to_contain_text("ram:ListUsers")
    context.close()

    assert send(visitor, key, "invoices") == 201
    assert send(visitor, key, "salaries") == 403
    visitor.go("/users/clerk")
    page.get_by_role("button", name="Detach grants-user-clerk").click()
    expect(page.locator("#main")).to_contain_text("is detached")
    wait_until(lambda: send(visitor, key, "invoices") == 403, what="the grant to be gone", seconds=60)


def send(visitor: Visitor, key: str, topic: str) -> int:
    """Returns the status of a send with this key."""
    request = urllib.request.Request(
        f"{visitor.server.url}/api/v1{visitor.home.replace('/i/', '/instances/')}/topics/{topic}/messages",
        json.dumps({"body": "x"}).encode(),
        {"Authorization": f"Basic {base64.b64encode(key.encode()).decode()}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
