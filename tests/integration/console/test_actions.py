"""What people do with the console's forms, and what it answers to mistakes."""

from datetime import UTC, datetime

from django.test import Client

from accounts.models import AccessKey
from brokers.engine import dead_letters, offsets
from brokers.models import Group, Operation, Topic
from tests.integration.console.shop import Shop, browser_of, send
from tests.integration.three_people import PASSWORD


def test_sign_in_goes_to_the_page_asked_for_and_to_no_other_site(shop: Shop) -> None:
    form = {"account": "acme", "name": "root", "password": PASSWORD}
    assert _location(Client().post("/signin", {**form, "next": "/keys"})) == "/keys"
    assert _location(Client().post("/signin", {**form, "next": "https://evil.example/"})) == "/"
    assert _location(Client().post("/signin", {**form, "next": "//evil.example/"})) == "/"


def test_wrong_password_says_so_without_saying_what_was_wrong(shop: Shop) -> None:
    texts = []
    for account, name in (("acme", "root"), ("acme", "nobody"), ("nowhere", "root")):
        answer = Client().post("/signin", {"account": account, "name": name, "password": "not the password"})
        assert answer.status_code == 200
        texts.append("The account, the user or the password is wrong." in answer.content.decode())
    assert texts == [True, True, True]


def test_signing_out_takes_a_post(shop: Shop) -> None:
    browser = browser_of(shop.people.owner)
    assert browser.get("/signout").status_code == 405
    assert _location(browser.post("/signout")) == "/signin"
    assert browser.get("/keys").status_code == 302


def test_topic_is_created_edited_and_its_mistakes_stand_beside_their_field(shop: Shop) -> None:
    browser = browser_of(shop.people.owner)
    address = f"{shop.home}/new-topic"
    bad = browser.post(address, {"name": "no blanks", "type": "NORMAL", "queues": "4"})
    assert bad.context["form"].errors["name"]
    twice = browser.post(address, {"name": "orders", "type": "NORMAL", "queues": "4"})
    assert twice.context["form"].errors["name"]
    made = browser.post(address, {"name": "parcels", "type": "FIFO", "queues": "2", "remark": "r"})
    assert _location(made) == f"{shop.home}/topics/parcels"
    assert _location(browser.post(f"{shop.home}/topics/parcels/edit", {"queues": "5", "remark": ""}))
    topic = Topic.objects.get(name="parcels")
    assert (topic.type, topic.queue_count, topic.remark) == ("FIFO", 5, "")


def test_group_is_created_paused_and_edited(shop: Shop) -> None:
    browser = browser_of(shop.people.owner)
    form = {"name": "mailers", "order": "CONCURRENT", "max_attempts": "3", "invisible_seconds": "20"}
    bad = browser.post(f"{shop.home}/new-group", {**form, "backoff": "soon", "start_from": "LATEST"})
    assert bad.context["form"].errors["backoff"]
    made = browser.post(f"{shop.home}/new-group", {**form, "backoff": "1, 5 10", "start_from": "LATEST"})
    assert _location(made) == f"{shop.home}/groups/mailers"
    browser.post(f"{shop.home}/groups/mailers/edit", {**form, "backoff": "1, 5 10", "remoting_mode": "POP"})
    assert Group.objects.get(name="mailers").remoting_mode == "POP"
    browser.post(f"{shop.home}/groups/mailers/pause", {"paused": "1"})
    group = Group.objects.get(name="mailers")
    assert (group.backoff_seconds, group.start_from, group.paused) == ([1, 5, 10], "LATEST", True)


def test_deletion_asks_for_the_name_and_then_for_force_while_something_waits(shop: Shop) -> None:
    browser = browser_of(shop.people.owner)
    address = f"{shop.home}/groups/payers/delete"
    browser.post(address, {"confirm": "payer"})
    assert Group.objects.filter(name="payers").exists()
    refused = browser.post(address, {"confirm": "payers"}, follow=True)
    assert "dead letters nobody replayed" in refused.content.decode()
    assert Group.objects.filter(name="payers").exists()
    browser.post(address, {"confirm": "payers", "force": "1"})
    assert not Group.objects.filter(name="payers").exists()


def test_test_message_is_stored_as_typed(shop: Shop) -> None:
    browser = browser_of(shop.people.owner)
    form = {"topic": "orders", "body": "two\r\nlines", "tag": "t", "keys": "a b", "properties": "x=1\ny = 2"}
    answer = browser.post(f"{shop.home}/send", form)
    sent = answer.context["sent"]
    page = browser.get(f"{shop.home}/messages/{sent.message_id}?view=text").context
    assert page["body"].text == "two\nlines"
    assert (page["main"].tag, page["main"].keys, page["main"].properties) == ("t", ("a", "b"), {"x": "1", "y": "2"})
    wrong = browser.post(f"{shop.home}/send", {**form, "properties": "no equals sign"})
    assert wrong.context["form"].errors["properties"]
    missing = browser.post(f"{shop.home}/send", {**form, "topic": "nothing"})
    assert missing.context["form"].errors["topic"]
    delayed = browser.post(f"{shop.home}/send", {**form, "delay_seconds": "5"})
    assert delayed.context["form"].errors["topic"], "a normal topic takes no delay"


def test_sending_again_starts_from_the_old_message(shop: Shop) -> None:
    browser = browser_of(shop.people.owner)
    shown = browser.get(f"{shop.home}/send?topic=orders&like={shop.message_id}").context["form"].initial
    assert (shown["body"], shown["tag"], shown["keys"]) == ('{"order": 1}', "paid", "k-1")


def test_search_says_whether_it_is_complete(shop: Shop) -> None:
    browser = browser_of(shop.people.owner)
    found = browser.get(f"{shop.home}/messages?key=k-1&tag=paid&body=order")
    assert [hit.message_id for hit in found.context["result"].items if hit.status == "STORED"] == [shop.message_id]
    assert found.context["result"].completeness == "complete"
    assert "Complete result" in found.content.decode()
    nothing = browser.get(f"{shop.home}/messages?topic=orders&start=2020-01-02&end=2020-01-01")
    assert nothing.context["form"].errors["end"]
    assert browser.get(f"{shop.home}/messages?topic=missing").context["form"].errors["topic"]


def test_times_are_read_in_the_readers_zone(shop: Shop) -> None:
    browser = browser_of(shop.people.owner)
    browser.cookies["mq_tz"] = "Asia/Shanghai"
    form = browser.get(f"{shop.home}/messages?topic=orders&start=2026-01-01T08:00:00").context["form"]
    assert form.cleaned_data["start"] == datetime(2026, 1, 1, tzinfo=UTC)


def test_reset_is_shown_before_it_is_done(shop: Shop) -> None:
    browser = browser_of(shop.people.owner)
    send(shop.topic, shop.people.instance, body="third")
    form = {"topic": "orders", "to": "latest"}
    shown = browser.post(f"{shop.home}/groups/payers/reset", {**form, "step": "preview"})
    assert shown.context["preview"].skipped_count == 1
    assert offsets.progress([shop.group.pk])[shop.group.pk].lag == 1
    browser.post(f"{shop.home}/groups/payers/reset", {**form, "step": "apply"})
    assert offsets.progress([shop.group.pk])[shop.group.pk].lag == 0


def test_a_reset_is_undone_by_whoever_made_it(shop: Shop) -> None:
    browser, other = browser_of(shop.people.owner), browser_of(shop.people.owner)
    address = f"{shop.home}/groups/payers/reset"
    [before] = [row.committed for row in offsets.of_group(shop.group) if row.topic == "orders"]
    browser.post(address, {"topic": "orders", "to": "earliest", "step": "apply"})
    assert offsets.of_group(shop.group)[0].committed < before
    assert "Undo the move" not in other.get(address).content.decode()
    assert "Undo the move" in browser.get(address).content.decode()
    other.post(address, {"step": "undo"})
    assert offsets.of_group(shop.group)[0].committed < before
    assert _location(browser.post(address, {"step": "undo"})) == f"{shop.home}/groups/payers"
    assert offsets.of_group(shop.group)[0].committed == before
    assert "Undo the move" not in browser.get(address).content.decode()


def test_replay_is_shown_before_it_is_started(shop: Shop) -> None:
    browser = browser_of(shop.people.owner)
    address = f"{shop.home}/groups/payers/redrive"
    shown = browser.post(address, {"scope": "all", "filter": "error=DECLINED"})
    assert shown.context["preview"].count == 1
    assert not Operation.objects.exists()
    form = {"scope": "ticked", "id": str(shop.dead_letter_id), "step": "start", "destination": "topic"}
    unnamed = browser.post(address, {**form, "topic": ""})
    assert unnamed.context["form"].errors["topic"]
    started = browser.post(address, {**form, "destination": "origin"})
    operation = Operation.objects.get()
    assert _location(started) == f"{shop.home}/operations/{operation.pk}"
    dead_letters.run_batch(operation.pk)
    while not dead_letters.run_batch(operation.pk).is_done:
        pass
    page = browser.get(f"{shop.home}/operations/{operation.pk}").content.decode()
    assert "1 of 1 dealt with" in page
    again = browser.post(address, {"scope": "ticked", "id": str(shop.dead_letter_id)}, follow=True)
    assert "replayed already" in again.content.decode()


def test_secret_of_a_key_is_shown_once(shop: Shop) -> None:
    browser = browser_of(shop.people.owner)
    made = browser.post("/keys", {"remark": "till"})
    secret = made.context["fresh"]["secret"]
    assert secret in made.content.decode()
    assert made.headers["Cache-Control"] == "no-store"
    assert secret not in browser.get("/keys").content.decode()
    key = made.context["fresh"]["key_id"]
    browser.post(f"/keys/{key}/enabled", {"enabled": "0"})
    assert not AccessKey.objects.get(key_id=key).enabled
    third = browser.post("/keys", {"remark": "one too many"})
    assert third.context["fresh"] is None
    browser.post(f"/keys/{key}/delete")
    assert not AccessKey.objects.filter(key_id=key).exists()


def test_foreign_key_cannot_be_switched(shop: Shop) -> None:
    foreign = shop.people.stranger.key.key_id
    assert browser_of(shop.people.owner).post(f"/keys/{foreign}/delete").status_code == 404
    assert AccessKey.objects.filter(key_id=foreign).exists()


def _location(answer: object) -> str:
    assert getattr(answer, "status_code", None) == 302, getattr(answer, "context", None)
    return str(getattr(answer, "headers")["Location"])  # noqa: B009 # the test client's answers have no one type
