"""Every page: shown to its owner, in both languages, without inline code; refused to others; in few queries."""

import re
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from brokers.catalog import actions
from tests.integration.console.shop import Shop, browser_of, send

# What the chrome of a page costs: session, user, account's instances; and what the dearest page adds.
MOST_QUERIES = 24


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_owner_sees_every_page(shop: Shop, language: str) -> None:
    browser = browser_of(shop.people.owner, language)
    for path in [*shop.paths(), "/", "/keys", "/audit", "/instances/new"]:
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert answer.headers.get("Content-Language", language).lower() == language, path


def test_stranger_cannot_tell_a_foreign_page_from_a_missing_one(shop: Shop) -> None:
    browser = browser_of(shop.people.stranger)
    for path in shop.paths():
        answers = [browser.get(path), browser.get(path.replace("/i/shop", "/i/nothing"))]
        assert [a.status_code for a in answers] == [404, 404], path
        texts = [a.content.decode().replace("nothing", "shop") for a in answers]
        assert _without_tokens(texts[0]) == _without_tokens(texts[1]), path


def test_member_without_rights_is_told_which_right_is_missing(shop: Shop) -> None:
    answer = browser_of(shop.people.member).get(f"{shop.home}/topics/orders")
    assert answer.status_code == 403
    assert "mq:QueryTopic" in answer.content.decode()


def test_nobody_is_sent_to_sign_in_and_back(shop: Shop) -> None:
    for path in shop.paths():
        answer = Client().get(path)
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith("/signin?next="), path


def test_wrong_address_and_stale_form_are_explained(shop: Shop) -> None:
    for browser in (Client(), browser_of(shop.people.owner)):
        answer = browser.get("/no/such/page")
        assert answer.status_code == 404
        assert "There is no page at this address." in answer.content.decode()
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/signin", {"account": "acme", "name": "root", "password": "x"})
    assert answer.status_code == 403
    assert "This form is too old" in answer.content.decode()


def test_page_says_so_when_the_database_is_away(shop: Shop, tmp_path: Path) -> None:
    browser = browser_of(shop.people.owner)
    reached = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = str(tmp_path)
    try:
        answer = browser.get(f"{shop.home}/topics")
    finally:
        connection.settings_dict["HOST"] = reached
        connection.close()
    assert answer.status_code == 503
    assert "The database cannot be reached" in answer.content.decode()
    assert browser.get(f"{shop.home}/topics").status_code == 200


def test_fragment_of_a_page_is_its_live_part_alone(shop: Shop) -> None:
    browser = browser_of(shop.people.owner)
    whole = browser.get(f"{shop.home}/topics").content.decode()
    answer = browser.get(f"{shop.home}/topics", headers={"HX-Request": "true"})
    part = answer.content.decode()
    assert "<html" in whole
    assert "<html" not in part
    assert "orders" in part
    assert "HX-Request" in answer.headers["Vary"]
    assert Client().get(f"{shop.home}/topics", headers={"HX-Request": "true"}).status_code == 401


def test_no_page_carries_code_or_style_of_its_own(shop: Shop) -> None:
    browser = browser_of(shop.people.owner)
    for path in [*shop.paths(), "/keys", "/audit"]:
        answer = browser.get(path)
        if answer.headers["Content-Type"].startswith("application/json"):
            continue
        text = answer.content.decode()
        assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", text), path
        assert not re.search(r"<style|<script(?![^>]*\bnonce=)[^>]*>|<script[^>]*>[^<]", text), path
        policy = answer.headers["Content-Security-Policy"]
        nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
        assert nonce, path
        assert f'nonce="{nonce[1]}"' in text, path
        assert "unsafe" not in policy


def test_number_of_queries_does_not_grow_with_the_rows(shop: Shop) -> None:
    browser = browser_of(shop.people.owner)
    lists = ["", "/topics", "/groups", "/dead-letters", "/messages?topic=orders", "/groups/payers/dead-letters"]
    browser.get(f"{shop.home}/messages?topic=orders")  # the first read of bodies is written down; others are counted
    few = {path: _queries(browser, shop.home + path) for path in lists}
    for number in range(12):
        actions.create_topic(shop.people.owner.actor, shop.people.instance, name=f"more-{number}")
        actions.create_group(shop.people.owner.actor, shop.people.instance, name=f"more-{number}")
    many = {path: _queries(browser, shop.home + path) for path in lists}
    assert many == few
    assert max(many.values()) <= MOST_QUERIES


def _queries(browser: Client, path: str) -> int:
    """Returns how many statements Django sent; the store's own are as many whatever the rows, by their form."""
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(path).status_code == 200
    return len(captured)


def _without_tokens(text: str) -> str:
    text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", text)
    return re.sub(r'nonce="[^"]+"', "", text)


def test_first_steps_stay_until_the_first_message_is_sent(shop: Shop) -> None:
    owner = shop.people.owner
    home = actions.create_instance(owner.actor, name="fresh")
    browser = browser_of(owner)
    assert "Three steps" in browser.get("/i/fresh").content.decode()
    topic = actions.create_topic(owner.actor, home, name="first", queue_count=1)
    actions.create_group(owner.actor, home, name="readers")
    page = browser.get("/i/fresh").content.decode()
    assert "Three steps" in page
    assert "/topics/first/messages" in page and "/groups/readers/messages:receive" in page
    send(topic, home, body="hello")
    assert "Three steps" not in browser.get("/i/fresh").content.decode()
