"""What whoever administers an account does in a real browser: limits, roles, and the audit that shows all of it."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Visitor
from tests.stack import wait_until

pytestmark = pytest.mark.browser

PASSWORD = "seven quiet lighthouses"
OUTCOME = re.compile(r"Stored in queue|A message of this instance has at most 64 bytes\.")


@pytest.fixture
def guest(browser: Browser, visitor: Visitor) -> Iterator[Page]:
    """Another person's browser."""
    context = browser.new_context(locale="en-GB", base_url=visitor.server.url)
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def make_user(visitor: Visitor, name: str) -> None:
    visitor.go("/users")
    visitor.page.get_by_label("Name").fill(name)
    visitor.page.get_by_label("Console password").fill(PASSWORD)
    visitor.press("Create user")
    expect(visitor.page.locator("h1")).to_have_text(name)


def enter(page: Page, visitor: Visitor, name: str) -> None:
    page.goto(f"/signin/{visitor.server.credentials['account']}")
    page.get_by_label("User").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(visitor.server.url + "/")


def set_message_limit(visitor: Visitor, value: str) -> None:
    visitor.go(f"/limits/instance/{visitor.server.credentials['instance']}")
    visitor.page.get_by_label("Largest message in bytes").fill(value)
    visitor.press("Save")
    expect(visitor.page.locator("#main [role=status]").first).to_contain_text("The limits are saved")


def test_a_limit_is_set_counts_is_explained_and_is_taken_away(visitor: Visitor) -> None:
    page = visitor.page
    visitor.call("/topics", name="narrow", type="NORMAL")

    def is_stored(body: str) -> bool:
        visitor.go(f"{visitor.home}/send?topic=narrow")
        page.get_by_label("Body").fill(body)
        visitor.press("Send")
        expect(page.locator("#main")).to_contain_text(OUTCOME)
        return "Stored" in page.locator("#main").inner_text()

    set_message_limit(visitor, "64")
    try:
        section = page.locator("section", has=page.get_by_role("heading", name="Instance"))
        expect(section.get_by_role("row", name="Largest message in bytes")).to_contain_text("64")
        wait_until(lambda: not is_stored("x" * 65), what="the limit to count", seconds=60)
        assert is_stored("y" * 64)
    finally:
        set_message_limit(visitor, "")
    wait_until(lambda: is_stored("x" * 65), what="the limit to be gone", seconds=60)


def test_a_role_is_taken_on_given_back_and_ended_by_its_owner(visitor: Visitor, guest: Page) -> None:
    page, topics = visitor.page, f"{visitor.home}/topics"
    visitor.call("/topics", name="seen-in-the-role", type="NORMAL")
    make_user(visitor, "rosa")
    visitor.go("/roles")
    page.get_by_label("Name").fill("night-shift")
    visitor.press("Create role")
    expect(page.locator("h1")).to_have_text("night-shift")
    page.get_by_label("Attach a policy").select_option("ReadOnly")
    visitor.press("Attach")
    page.get_by_label("Trust somebody").fill(f"rosa@{visitor.server.credentials['account']}")
    visitor.press("Trust")
    expect(page.locator("#main table").nth(1)).to_contain_text("rosa@")

    enter(guest, visitor, "rosa")
    guest.goto(f"{topics}/seen-in-the-role")
    expect(guest.locator("#main")).to_contain_text("You may not do this")
    guest.goto("/act-in-a-role")
    guest.get_by_label("Reason").fill("the pager rang")
    guest.get_by_role("button", name="Act in this role").click()
    banner = guest.locator(".notice", has_text="You act in the role")
    expect(banner).to_contain_text("night-shift")
    guest.goto(f"{topics}/seen-in-the-role")
    expect(guest.locator("h1")).to_have_text("seen-in-the-role")
    guest.goto("/security")
    expect(guest.locator("#main")).to_contain_text("you act in a role now")
    guest.get_by_role("button", name="Be yourself again").click()
    expect(banner).to_have_count(0)
    guest.goto(f"{topics}/seen-in-the-role")
    expect(guest.locator("#main")).to_contain_text("You may not do this")

    guest.goto("/act-in-a-role")
    guest.get_by_role("button", name="Act in this role").click()
    expect(banner).to_contain_text("night-shift")
    visitor.go("/roles/night-shift")
    expect(page.locator("#main")).to_contain_text("the pager rang")
    visitor.press("End now")
    expect(page.get_by_role("button", name="End now")).to_have_count(0)
    guest.goto(f"{topics}/seen-in-the-role")
    expect(guest.locator("#main")).to_contain_text("You may not do this")
    expect(banner).to_have_count(0)


def test_the_audit_is_searched_and_what_matches_is_downloaded(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    for name in ("traced-one", "traced-two"):
        visitor.call("/topics", name=name, type="NORMAL")
    visitor.go("/audit")
    page.get_by_label("Action").fill("mq:CreateT*")
    page.get_by_label("Resource").fill("traced-one")
    page.get_by_label("Result").select_option("done")
    visitor.press("Search")
    rows = page.locator("#live tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(["traced-one"])
    expect(rows).to_contain_text(["mq:CreateTopic"])
    page.get_by_label("Result").select_option("refused")
    visitor.press("Search")
    expect(page.locator("#live")).to_contain_text("Nothing matches")
    page.get_by_label("Result").select_option("any")
    visitor.press("Search")
    expect(rows).to_have_count(1)

    files = {}
    for form in ("JSON Lines", "CSV"):
        with page.expect_download() as waiting:
            page.get_by_role("link", name=form).click()
        files[form] = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(files[form])
    assert [file.name for file in files.values()] == ["audit.jsonl", "audit.csv"]
    (line,) = files["JSON Lines"].read_text().splitlines()
    with files["CSV"].open(newline="") as file:
        (row,) = csv.DictReader(file)
    entry = json.loads(line)
    assert entry["resource"].endswith("%traced-one")
    assert (row["resource"], row["hash"]) == (entry["resource"], entry["hash"])

    visitor.go("/audit?action=mq:ExportAudit")
    expect(rows).to_have_count(2)
    rows.first.get_by_text("Detail").click()
    expect(rows.first).to_contain_text('"format": "csv"')
