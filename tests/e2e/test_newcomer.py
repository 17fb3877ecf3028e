"""The path everybody walks first, in a real browser: from sign-in to a replayed dead letter."""

import pytest
from playwright.sync_api import expect

from tests import tempo
from tests.e2e.conftest import Visitor

pytestmark = pytest.mark.browser


def test_newcomer_gets_from_sign_in_to_a_replayed_message(visitor: Visitor) -> None:
    page = visitor.page
    _create_topic(visitor, "parcels")
    _create_group(visitor, "couriers", attempts=1)
    message_id = _send(visitor, "parcels", body='{"parcel": 9007199254740993}', key="parcel-7")

    [first] = visitor.call("/groups/couriers/messages:receive", topics=["parcels"], wait_seconds=10)["messages"]
    assert first["message_id"] == message_id
    refused = visitor.call("/groups/couriers/messages:nack", receipts=[first["receipt"]], error="the street is closed")
    assert refused["results"][0]["ok"]

    visitor.go(f"{visitor.home}/groups/couriers/dead-letters")
    page.get_by_role("link", name=message_id).click()
    expect(page.locator("#main")).to_contain_text("the street is closed")
    expect(page.locator("#body-text")).to_contain_text("9007199254740993")

    visitor.press("Replay")
    expect(page.locator("#main")).to_contain_text("1 dead letter will be replayed")
    visitor.press("Start replay")
    expect(page.locator("#live")).to_contain_text("Succeeded", timeout=120_000)
    expect(page.locator("#live")).to_contain_text("1 of 1 dealt with")

    [again] = visitor.call("/groups/couriers/messages:receive", topics=["parcels"], wait_seconds=20)["messages"]
    assert again["message_id"] == message_id
    assert again["attempt"] == 1
    assert visitor.call("/groups/couriers/messages:ack", receipts=[again["receipt"]])["results"][0]["ok"]

    visitor.go(f"{visitor.home}/messages?key=parcel-7")
    expect(page.locator("#live")).to_contain_text("Complete result")
    page.get_by_role("link", name=message_id).first.click()
    timeline = page.locator("#live")
    for happened in ("Stored", "Attempt 1 was refused", "Became a dead letter", "Replayed", "Acknowledged"):
        expect(timeline).to_contain_text(happened)


def test_ticked_dead_letters_alone_are_replayed(visitor: Visitor) -> None:
    page = visitor.page
    _create_topic(visitor, "letters")
    _create_group(visitor, "readers", attempts=1)
    sent = [visitor.call("/topics/letters/messages", body=f"letter {n}")["message_id"] for n in range(3)]
    refused: list[str] = []
    while len(refused) < len(sent):
        got = visitor.call("/groups/readers/messages:receive", topics=["letters"], wait_seconds=10)["messages"]
        visitor.call("/groups/readers/messages:nack", receipts=[m["receipt"] for m in got], error="no glasses")
        refused += [m["message_id"] for m in got]

    visitor.go(f"{visitor.home}/groups/readers/dead-letters")
    expect(page.get_by_role("button", name="Replay ticked")).to_be_disabled()
    page.get_by_role("checkbox", name=f"Tick {sent[1]}").check()
    page.get_by_role("button", name="Replay ticked").click()
    visitor.press("Start replay")
    expect(page.locator("#live")).to_contain_text("Succeeded", timeout=120_000)

    visitor.go(f"{visitor.home}/groups/readers/dead-letters?state=DEAD")
    listed = page.locator("#live tbody")
    expect(listed).to_contain_text(sent[0])
    expect(listed).to_contain_text(sent[2])
    expect(listed).not_to_contain_text(sent[1])


def test_message_sent_elsewhere_appears_without_a_reload(visitor: Visitor) -> None:
    page = visitor.page
    _create_topic(visitor, "ticker")
    expect(page.locator("#live")).to_contain_text("Messages kept")
    expect(page.locator("[data-live-state]")).to_have_attribute("data-state", "live")
    visitor.call("/topics/ticker/messages", body="tick")
    # Faster than the slow timer of ten seconds: the hint did it.
    expect(page.locator("#live dl")).to_contain_text("just now", timeout=6_000 * tempo.slowness())


def test_slash_goes_to_the_search_and_a_message_id_goes_straight_to_the_message(visitor: Visitor) -> None:
    page = visitor.page
    visitor.go(f"{visitor.home}/topics")
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    _create_topic(visitor, "lost-property")
    message_id = _send(visitor, "lost-property", body="umbrella", key="u-1")
    page.locator("#find").fill(message_id)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(message_id)


def test_choices_of_language_and_theme_last(visitor: Visitor) -> None:
    page = visitor.page
    visitor.go(f"{visitor.home}/groups")
    page.get_by_label("Language, theme and time zone").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_label("Language, theme and time zone").click()
    page.get_by_role("button", name="简体中文").click()
    expect(page.locator("h1")).to_have_text("消费组")
    visitor.go("/keys")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("h1")).to_have_text("访问密钥")
    page.get_by_label("语言、主题和时区").click()
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_have_text("Access keys")


def test_topic_is_deleted_only_after_its_name_is_typed(visitor: Visitor) -> None:
    page = visitor.page
    _create_topic(visitor, "doomed")
    visitor.press("Delete")
    button = page.get_by_role("button", name="Delete topic")
    expect(button).to_be_disabled()
    page.get_by_label("Type the name to confirm").fill("doomed")
    button.click()
    expect(page.locator("#main")).to_contain_text("The topic doomed is deleted.")


def _create_topic(visitor: Visitor, name: str) -> None:
    visitor.go(f"{visitor.home}/topics")
    visitor.press("New topic")
    visitor.page.get_by_label("Name").fill(name)
    visitor.press("Create topic")
    expect(visitor.page.locator("h1")).to_have_text(name)


def _create_group(visitor: Visitor, name: str, *, attempts: int) -> None:
    visitor.go(f"{visitor.home}/groups")
    visitor.press("New group")
    visitor.page.get_by_label("Name").fill(name)
    visitor.page.get_by_label("Attempts").fill(str(attempts))
    visitor.page.get_by_label("Back-off (seconds)").fill("1")
    visitor.press("Create group")
    expect(visitor.page.locator("h1")).to_have_text(name)


def _send(visitor: Visitor, topic: str, *, body: str, key: str) -> str:
    """Sends a test message with the form and returns its id."""
    visitor.go(f"{visitor.home}/send?topic={topic}")
    visitor.page.get_by_label("Body").fill(body)
    visitor.page.get_by_label("Keys").fill(key)
    visitor.press("Send")
    notice = visitor.page.locator("#main [role=status]")
    expect(notice).to_contain_text("Stored in queue")
    return notice.get_by_role("link").inner_text()
