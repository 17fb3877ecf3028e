"""A real browser, signed in to the running product."""

import base64
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.screenshots import CHROMIUM_ARGS
from tests.stack import Running

# A page that is not there after a minute does not come; a busy machine needs more than the five seconds of a default.
expect.set_options(timeout=60_000)


@dataclass(slots=True)
class Visitor:
    """A person with a browser at the product's console, and with its access key for programs."""

    page: Page
    server: Running
    faults: list[str] = field(default_factory=list)

    @property
    def home(self) -> str:
        return f"/i/{self.server.credentials['instance']}"

    def go(self, path: str) -> None:
        self.page.goto(self.server.url + path)

    def press(self, name: str) -> None:
        """Presses the one button or link of this name in the page's content."""
        main = self.page.locator("#main")
        main.get_by_role("button", name=name).or_(main.get_by_role("link", name=name)).first.click()

    def sign_in(self) -> None:
        given = self.server.credentials
        self.go("/signin")
        self.page.get_by_label("Account").fill(given["account"])
        self.page.get_by_label("User").fill(given["username"])
        self.page.get_by_label("Password").fill(given["password"])
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(self.server.url + "/")

    def call(self, path: str, **body: Any) -> Any:
        """Returns what the HTTP API answers to a POST below the instance."""
        given = self.server.credentials
        key = base64.b64encode(f"{given['access_key_id']}:{given['access_key_secret']}".encode()).decode()
        request = urllib.request.Request(
            f"{self.server.url}/api/v1/instances/{given['instance']}{path}",
            json.dumps(body).encode(),
            {"Authorization": f"Basic {key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGS)
        yield opened
        opened.close()


@pytest.fixture
def visitor(browser: Browser, server: Running) -> Iterator[Visitor]:
    """Somebody signed in, with English pages. At the end no page may have reported a fault."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", timezone_id="Asia/Shanghai")
    context.set_default_timeout(60_000)
    made = Visitor(context.new_page(), server)
    made.page.on("pageerror", lambda error: made.faults.append(str(error)))
    made.page.on("console", lambda said: made.faults.append(said.text) if said.type == "error" else None)
    made.sign_in()
    yield made
    context.close()
    assert not made.faults, "the browser reported faults: " + "; ".join(made.faults)
