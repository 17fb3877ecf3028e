"""Codes of an app, recovery codes, and the account that wants a second factor of everybody."""

import json
import re
from datetime import timedelta

import pytest
from django.test import Client

from accounts import clock, grants, limits, members, second_factors
from accounts.errors import Denied, NotFound, Rejected, TryLater, Unauthenticated
from accounts.models import AccessKey, AuditEntry, RecoveryCode, SecondFactor
from tests.integration.identity.entering import app_code, give_app, is_inside, sign_in
from tests.integration.three_people import People


def recovery_codes(page: str) -> list[str]:
    return re.findall(r"\b[a-z2-7]{4}(?:-[a-z2-7]{4}){3}\b", page)


def test_app_is_set_up_and_asked_for_at_the_next_sign_in(people: People) -> None:
    browser, _ = sign_in(people.owner.user)
    shown = browser.get("/security/app")
    secret = shown.context["app"]["secret"]
    assert "<path d=" in shown.content.decode()
    assert browser.get("/security/app").context["app"]["secret"] == secret
    assert "not the code" in browser.post("/security/app", {"code": "000000"}).content.decode()
    done = browser.post("/security/app", {"code": app_code(secret)})
    assert len(recovery_codes(done.content.decode())) == limits.RECOVERY_CODE_COUNT
    assert "no-store" in done.headers["Cache-Control"]

    later, answer = sign_in(people.owner.user)
    assert answer.headers["Location"] == "/signin-second"
    assert not is_inside(later)
    assert later.get("/signin-second").status_code == 200
    assert "This is wrong" in later.post("/signin-second", {"code": "123 456"}).content.decode()
    assert later.post("/signin-second", {"code": app_code(secret, steps_ahead=1)}).status_code == 302
    assert is_inside(later)
    last = AuditEntry.objects.filter(action="ram:SignIn", outcome="ok").latest("pk")
    assert last.detail == {"by": "password", "second_factor": True}


def test_code_of_an_app_counts_once_and_only_about_now(people: People) -> None:
    user = people.owner.user
    secret = give_app(user)
    code = app_code(secret)
    second_factors.check(user, code, source_ip="10.0.0.1")
    for wrong in (code, app_code(secret, steps_ahead=-1), app_code(secret, steps_ahead=3), "", "9" * 200):
        with pytest.raises(Unauthenticated):
            second_factors.check(user, wrong, source_ip="10.0.0.1")
    with clock.freeze(clock.now() + timedelta(seconds=30)):
        second_factors.check(user, app_code(secret), source_ip="10.0.0.1")


def test_recovery_code_works_once_and_is_kept_as_a_keyed_hash(people: People) -> None:
    user = people.owner.user
    give_app(user)
    codes = second_factors.new_recovery_codes(user)
    kept = [bytes(digest) for digest in RecoveryCode.objects.values_list("digest", flat=True)]
    assert not any(code.replace("-", "").encode() in digest for code in codes for digest in kept)
    browser, _ = sign_in(user)
    assert browser.post("/signin-second", {"code": codes[0].upper()}).status_code == 302
    again, _ = sign_in(user)
    assert again.post("/signin-second", {"code": codes[0]}).status_code == 200
    assert second_factors.recovery_codes_left(user) == len(codes) - 1
    second_factors.new_recovery_codes(user)
    with pytest.raises(Unauthenticated):
        second_factors.check(user, codes[1], source_ip="10.0.0.9")


def test_guessing_codes_is_slowed_down(people: People) -> None:
    user = people.owner.user
    secret = give_app(user)
    for _ in range(limits.SIGN_IN_FREE_COUNT + 1):
        with pytest.raises(Unauthenticated):
            second_factors.check(user, "000000", source_ip="10.0.0.1")
    with pytest.raises(TryLater):
        second_factors.check(user, app_code(secret), source_ip="10.0.0.1")
    second_factors.check(user, app_code(secret), source_ip="10.0.0.2")


def test_half_signed_in_is_nobody_and_ends_soon(people: People) -> None:
    secret = give_app(people.owner.user)
    browser, _ = sign_in(people.owner.user)
    for path in ("/keys", "/security", "/security/app", "/sessions", "/confirm"):
        assert browser.get(path).headers["Location"].startswith("/signin?"), path
    assert browser.get("/api/v1/whoami").status_code == 401
    with clock.freeze(clock.now() + timedelta(seconds=limits.HALF_SIGNED_IN_SECONDS + 1)):
        late = browser.post("/signin-second", {"code": app_code(secret)})
        assert late.headers["Location"] == "/signin"
    assert Client().get("/signin-second").headers["Location"] == "/signin"


def test_password_changed_meanwhile_ends_the_half_signed_in_state(people: People) -> None:
    secret = give_app(people.member.user)
    browser, _ = sign_in(people.member.user)
    members.set_password(people.owner.actor, "mia", "another long password of mia")
    assert browser.post("/signin-second", {"code": app_code(secret)}).headers["Location"] == "/signin"


def test_secret_of_an_app_is_sealed_at_rest(people: People) -> None:
    browser, _ = sign_in(people.owner.user)
    secret = browser.get("/security/app").context["app"]["secret"].replace(" ", "")
    assert secret not in json.dumps(dict(browser.session.items()))
    browser.post("/security/app", {"code": app_code(secret)})
    factor = SecondFactor.objects.get()
    assert secret.encode() not in bytes(factor.secret_ciphertext)
    assert secret not in json.dumps(list(AuditEntry.objects.values_list("detail", flat=True)))


def test_factor_is_removed_after_a_recent_proof_only(people: People) -> None:
    give_app(people.owner.user)
    factor = SecondFactor.objects.get()
    browser, _ = sign_in(people.owner.user)
    codes = second_factors.new_recovery_codes(people.owner.user)
    browser.post("/signin-second", {"code": codes[0]})
    remove = f"/security/factors/{factor.pk}/remove"
    with clock.freeze(clock.now() + timedelta(seconds=limits.FRESH_SECONDS + 1)):
        assert browser.post(remove).headers["Location"].startswith("/confirm?")
        assert SecondFactor.objects.exists()
        assert "This is wrong" in browser.post("/confirm", {"password": "no"}).content.decode()
        answer = browser.post("/confirm", {"code": codes[1], "next": "/security"})
        assert answer.headers["Location"] == "/security"
        browser.post(remove)
    assert not SecondFactor.objects.exists()
    assert not RecoveryCode.objects.exists()


@pytest.mark.parametrize(
    "path", ["/security/app", "/security/passkey", "/security/recovery-codes", "/security/required"]
)
def test_changing_how_one_signs_in_needs_a_recent_proof(people: People, path: str) -> None:
    browser, _ = sign_in(people.owner.user)
    with clock.freeze(clock.now() + timedelta(seconds=limits.FRESH_SECONDS + 1)):
        assert browser.post(path, {"required": "1"}).headers["Location"].startswith("/confirm?")


def test_keys_of_root_need_a_recent_proof_at_both_doors(people: People) -> None:
    browser, _ = sign_in(people.owner.user)
    count = AccessKey.objects.count()
    with clock.freeze(clock.now() + timedelta(seconds=limits.FRESH_SECONDS + 1)):
        assert browser.post("/keys", {"remark": "x"}).headers["Location"].startswith("/confirm?")
        address = f"/keys/{people.owner.key.key_id}"
        assert browser.post(f"{address}/enabled", {"enabled": "0"}).headers["Location"].startswith("/confirm?")
        assert browser.post(f"{address}/delete").headers["Location"].startswith("/confirm?")
        refused = browser.post("/api/v1/access-keys", "{}", content_type="application/json")
        assert refused.status_code == 403
        assert "/confirm" in refused.json()["detail"]
        sub, _ = sign_in(people.member.user)
        assert AccessKey.objects.count() == count
        # Their own keys may do no more than they.
        assert sub.post("/keys", {"remark": "x"}).status_code == 200


def test_somebody_elses_factor_is_out_of_reach(people: People) -> None:
    give_app(people.member.user)
    factor = SecondFactor.objects.get()
    owner, _ = sign_in(people.owner.user)
    owner.post(f"/security/factors/{factor.pk}/remove")
    with pytest.raises(NotFound):
        second_factors.remove(people.stranger.user, factor.pk, actor="x")
    assert SecondFactor.objects.exists()


def test_owner_takes_away_the_factors_of_somebody_who_lost_them(people: People) -> None:
    secret = give_app(people.member.user)
    browser, _ = sign_in(people.member.user)
    browser.post("/signin-second", {"code": app_code(secret)})
    with pytest.raises(Denied):
        members.remove_second_factors(people.member.actor, "mia")
    owner, _ = sign_in(people.owner.user)
    owner.post("/users/mia/factors/remove")
    assert not is_inside(browser)
    assert sign_in(people.member.user)[1].headers["Location"] == "/"


def test_account_that_wants_a_second_factor_gets_one_at_the_next_sign_in(people: People) -> None:
    member, _ = sign_in(people.member.user)
    owner, _ = sign_in(people.owner.user)
    refused = owner.post("/security/required", {"required": "1"}, follow=True)
    assert "Sign in with a second factor yourself" in refused.content.decode()
    owner.post("/security/app", {"code": app_code(owner.get("/security/app").context["app"]["secret"])})
    owner.post("/security/required", {"required": "1"})
    assert (is_inside(owner), is_inside(member)) == (True, False)
    people.owner.user.account.refresh_from_db()
    with pytest.raises(Rejected):
        second_factors.remove(people.owner.user, SecondFactor.objects.get().pk, actor="root@acme")

    later, answer = sign_in(people.member.user)
    assert answer.headers["Location"] == "/signin-enrol"
    assert not is_inside(later)
    secret = later.get("/signin-enrol").context["app"]["secret"]
    assert "not the code" in later.post("/signin-enrol", {"code": "000000"}).content.decode()
    shown = later.post("/signin-enrol", {"code": app_code(secret)})
    assert len(recovery_codes(shown.content.decode())) == limits.RECOVERY_CODE_COUNT
    assert is_inside(later)
    assert sign_in(people.stranger.user)[1].headers["Location"] == "/"


def test_only_who_may_requires_a_second_factor(people: People) -> None:
    with pytest.raises(Denied):
        members.require_second_factor(people.member.actor, True)
    browser, _ = sign_in(people.member.user)
    assert "Everybody in the account" not in browser.get("/security").content.decode()


def test_policy_that_wants_a_second_factor_sees_how_the_session_began(people: People) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "mq:*",
        "Resource": "*",
        "Condition": {"Bool": {"acs:MFAPresent": "true"}},
    }
    grants.create_policy(people.owner.actor, "with-factor", json.dumps({"Version": "1", "Statement": [statement]}))
    grants.attach(people.owner.actor, "with-factor", user="mia")
    plain, _ = sign_in(people.member.user)
    assert plain.get("/i/shop/topics").status_code == 403
    assert people.member.call("GET", "/instances/shop").status_code == 403
    secret = give_app(people.member.user)
    strong, _ = sign_in(people.member.user)
    strong.post("/signin-second", {"code": app_code(secret)})
    assert strong.get("/i/shop/topics").status_code == 200
    assert strong.get("/api/v1/instances/shop").status_code == 200
    assert plain.get("/i/shop/topics").status_code == 403
