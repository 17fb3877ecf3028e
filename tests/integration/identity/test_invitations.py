"""An invitation sets one password once, is known by nobody but who has the link, and ends."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client

from accounts import clock, invitations, limits, members
from accounts.errors import Denied, NotFound, Rejected
from accounts.models import AuditEntry, Invitation, User
from tests.integration.console.shop import browser_of
from tests.integration.identity.entering import is_inside, sign_in
from tests.integration.three_people import People

CHOSEN = "twelve green bicycles"


def test_owner_invites_and_the_person_chooses_the_password(people: People) -> None:
    shown = browser_of(people.owner).post("/users", {"name": "nora", "invite": "1"})
    link = shown.context["link"]
    assert "no-store" in shown.headers["Cache-Control"]
    path = urlsplit(link).path
    guest = Client()
    opened = guest.get(path)
    assert opened.headers["Location"] == "/invitation"  # the secret leaves the address
    assert "nora" in guest.get("/invitation").content.decode()
    weak = guest.post("/invitation", {"password": "password1234"})
    assert weak.context["form"].errors["password"]
    done = guest.post("/invitation", {"password": CHOSEN})
    assert done.headers["Location"] == "/signin/acme"
    nora = User.objects.select_related("account").get(name="nora")
    assert is_inside(sign_in(nora, password=CHOSEN)[0])
    again = Client()
    again.get(path)
    assert again.get("/invitation").status_code == 404
    assert again.post("/invitation", {"password": "another password of hers"}).status_code == 404
    assert link not in shown.client.get("/users/nora").content.decode()
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"ram:CreateInvitation", "ram:AcceptInvitation"} <= actions


def test_database_holds_no_link_that_works(people: People) -> None:
    _made, token = members.invite(people.owner.actor, "mia")
    row = Invitation.objects.get()
    assert token.encode() not in bytes(row.digest)
    guest = Client()
    guest.get(f"/invitation/{bytes(row.digest).hex()}")
    assert guest.get("/invitation").status_code == 404


def test_invitation_ends_by_time_by_a_newer_one_and_when_taken_back(people: People) -> None:
    first = invitations.digest(members.invite(people.owner.actor, "mia")[1])
    second = invitations.digest(members.invite(people.owner.actor, "mia")[1])
    with pytest.raises(NotFound):
        invitations.find(first)
    with clock.freeze(clock.now() + timedelta(hours=limits.INVITATION_HOURS, seconds=1)), pytest.raises(NotFound):
        invitations.find(second)
    invitations.find(second)
    members.set_active(people.owner.actor, "mia", False)
    with pytest.raises(NotFound):
        invitations.find(second)
    with pytest.raises(Rejected):
        members.invite(people.owner.actor, "mia")
    members.set_active(people.owner.actor, "mia", True)
    members.revoke_invitation(people.owner.actor, "mia")
    with pytest.raises(NotFound):
        invitations.accept(second, CHOSEN, source_ip="")


def test_invitation_for_a_forgotten_password_ends_the_sessions(people: People) -> None:
    browser, _ = sign_in(people.member.user)
    _made, token = members.invite(people.owner.actor, "mia")
    assert is_inside(browser)
    invitations.accept(invitations.digest(token), CHOSEN, source_ip="10.0.0.1")
    assert not is_inside(browser)


def test_nobody_invites_for_more_than_they_hold_nor_for_root(people: People) -> None:
    with pytest.raises(Denied):
        members.invite(people.member.actor, "mia")
    with pytest.raises(NotFound):
        members.invite(people.stranger.actor, "mia")
    with pytest.raises(Rejected):
        members.invite(people.owner.actor, "root")


def test_api_makes_shows_and_takes_back_invitations(people: People) -> None:
    path = "/users/mia/invitation"
    assert people.owner.call("GET", path).status_code == 404
    made = people.owner.call("POST", path, {}, Idempotency_Key="once")
    assert made.status_code == 201
    invitations.find(invitations.digest(made.json()["secret"]))
    replayed = people.owner.call("POST", path, {}, Idempotency_Key="once")
    assert replayed.json()["secret"] is None
    assert people.owner.call("GET", path).json()["created_by"].startswith("root@acme")
    assert people.owner.call("DELETE", path).status_code == 204
    assert people.owner.call("DELETE", path).status_code == 404


def test_api_lists_and_ends_sessions(people: People) -> None:
    browser, _ = sign_in(people.member.user)
    for person, path in ((people.member, "/sessions"), (people.owner, "/users/mia/sessions")):
        [row] = person.call("GET", path).json()["items"]
        assert row["second_factor"] is False
    assert people.stranger.call("DELETE", f"/sessions/{row['id']}").status_code == 404
    assert people.owner.call("DELETE", f"/users/mia/sessions/{row['id']}").status_code == 204
    assert not is_inside(browser)
    browser, _ = sign_in(people.member.user)
    assert people.owner.call("POST", "/users/mia/sessions:end").status_code == 204
    assert not is_inside(browser)
    browser, _ = sign_in(people.member.user)
    assert people.member.call("POST", "/sessions:end").status_code == 204
    assert not is_inside(browser)


def test_api_shows_and_changes_what_the_account_asks_of_people(people: People) -> None:
    browser, _ = sign_in(people.member.user)
    assert people.member.call("GET", "/account").json()["requires_second_factor"] is False
    changed = people.owner.call("PATCH", "/account", {"requires_second_factor": True})
    assert changed.json()["requires_second_factor"] is True
    assert not is_inside(browser)
