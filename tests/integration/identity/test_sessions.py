"""Sessions: a new key at sign-in, an end by time, by their owner, by an administrator, by a new password."""

import hashlib
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client

from accounts import clock, members, sessions
from accounts.errors import Denied, NotFound
from accounts.models import AuditEntry, ConsoleSession
from brokers.console.agents import describe
from tests.integration.identity.entering import is_inside, sign_in
from tests.integration.three_people import PASSWORD, People


def cookie(browser: Client) -> str:
    return str(browser.cookies[settings.SESSION_COOKIE_NAME].value)


def test_signing_in_makes_a_new_key_and_the_old_one_opens_nothing(people: People) -> None:
    browser = Client()
    browser.get("/signin-passkey")
    before = cookie(browser)
    fields = {"account": "acme", "name": "root", "password": PASSWORD}
    assert browser.post("/signin", fields).status_code == 302
    assert cookie(browser) != before
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = before
    assert not is_inside(thief)
    assert is_inside(browser)


def test_database_holds_no_key_that_opens_a_session(people: People) -> None:
    browser, _ = sign_in(people.owner.user)
    [row] = ConsoleSession.objects.filter(user=people.owner.user)
    assert row.session_key == hashlib.sha256(cookie(browser).encode()).hexdigest()
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = row.session_key
    assert not is_inside(thief)


@pytest.mark.parametrize(
    ("clicks", "pause", "lasts"),
    [
        (0, timedelta(minutes=settings.SESSION_IDLE_MINUTES - 1), True),
        (0, timedelta(minutes=settings.SESSION_IDLE_MINUTES + 1), False),
        (30, timedelta(minutes=settings.SESSION_IDLE_MINUTES - 1), False),  # clicks put off only the idle limit
    ],
)
def test_session_ends_when_idle_and_at_the_latest_after_its_hours(
    people: People, clicks: int, pause: timedelta, lasts: bool
) -> None:
    browser, _ = sign_in(people.owner.user)
    now = clock.now()
    for _ in range(clicks):
        now += pause
        with clock.freeze(now):
            browser.get("/keys")
    with clock.freeze(now + pause):
        assert is_inside(browser) is lasts


def test_page_that_refreshes_itself_does_not_keep_a_session_alive(people: People) -> None:
    browser, _ = sign_in(people.owner.user)
    half = clock.now() + timedelta(minutes=settings.SESSION_IDLE_MINUTES - 10)
    with clock.freeze(half):
        browser.get("/keys", headers={"HX-Request": "true"})
    with clock.freeze(half + timedelta(minutes=20)):
        assert not is_inside(browser)


def test_reader_sees_where_they_are_signed_in_and_ends_it(people: People) -> None:
    here, _ = sign_in(people.owner.user)
    there, _ = sign_in(people.owner.user, source_ip="10.1.2.3")
    assert "10.1.2.3" in here.get("/sessions").content.decode()
    [other] = [row for row in sessions.of_user(people.owner.user) if row.source_ip == "10.1.2.3"]
    here.post(f"/sessions/{other.public_id}/end")
    assert (is_inside(here), is_inside(there)) == (True, False)
    third, _ = sign_in(people.owner.user)
    here.post("/sessions/others/end")
    assert (is_inside(here), is_inside(third)) == (True, False)
    assert AuditEntry.objects.filter(action="ram:EndSessions").count() == 2


def test_nobody_ends_a_session_of_somebody_else(people: People) -> None:
    mine, _ = sign_in(people.owner.user)
    [row] = sessions.of_user(people.owner.user)
    for person in (people.member, people.stranger):
        theirs, _ = sign_in(person.user)
        theirs.post(f"/sessions/{row.public_id}/end")
        with pytest.raises(NotFound):
            sessions.end(person.user, row.public_id, actor=person.user.login)
    for unlike in ("", row.session_key, row.public_id[:5]):
        with pytest.raises(NotFound):
            sessions.end(people.owner.user, unlike, actor="root@acme")
    assert is_inside(mine)


def test_owner_ends_sessions_of_a_sub_account_and_nobody_else_does(people: People) -> None:
    browser, _ = sign_in(people.member.user)
    with pytest.raises(Denied):
        members.end_sessions(people.member.actor, "mia")
    with pytest.raises(NotFound):
        members.end_sessions(people.stranger.actor, "mia")
    owner, _ = sign_in(people.owner.user)
    owner.post("/users/mia/sessions/end")
    assert not is_inside(browser)


def test_new_password_and_switching_off_end_every_session(people: People) -> None:
    first, _ = sign_in(people.member.user)
    members.set_password(people.owner.actor, "mia", "another long password of mia")
    assert not is_inside(first)
    second, _ = sign_in(people.member.user, password="another long password of mia")
    assert is_inside(second)
    members.set_active(people.owner.actor, "mia", False)
    assert not is_inside(second)
    assert not ConsoleSession.objects.filter(user=people.member.user).exists()
    members.set_active(people.owner.actor, "mia", True)
    assert not is_inside(second)


def test_own_password_takes_the_current_one_and_ends_the_other_sessions(people: People) -> None:
    here, _ = sign_in(people.owner.user)
    there, _ = sign_in(people.owner.user)
    before = cookie(here)
    new = "twelve green bicycles"
    wrong = here.post("/security/password", {"current": "not this one", "password": new})
    assert "This is not your password." in wrong.content.decode()
    weak = here.post("/security/password", {"current": PASSWORD, "password": "password1234"})
    assert weak.context["form"].errors["password"]
    assert here.post("/security/password", {"current": PASSWORD, "password": new}).status_code == 302
    assert (is_inside(here), is_inside(there)) == (True, False)
    assert cookie(here) != before
    assert sign_in(people.owner.user, password=new)[1].status_code == 302


def test_rows_that_are_over_are_removed_at_a_later_sign_in(people: People) -> None:
    sign_in(people.member.user)
    with clock.freeze(clock.now() + timedelta(days=2)):
        sign_in(people.owner.user)
        assert not ConsoleSession.objects.filter(user=people.member.user).exists()


def test_browsers_are_told_apart_by_what_they_call_themselves() -> None:
    linux = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Mobile/15E148 Safari/604.1"
    assert describe(linux) == "Chrome 131 · Linux"
    assert describe(phone) == "Safari 18 · iOS"
    assert describe("curl/8.5.0") == "curl/8.5.0"
