"""Access keys as doors use them: the two schemes, the cache, the nonces."""

import base64
import hashlib
import secrets
import time
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import clock, credentials, key_cache, keys, limits, nonces, signature, vault, volatile
from accounts import people as accounts_people
from accounts.errors import AccountError, Rejected, TryLater, Unauthenticated
from accounts.models import AccessKey, AuditEntry, UsedNonce
from tests.integration.three_people import People, Person

BODY = b'{"body":"hello"}'
REQUEST: dict[str, Any] = {"method": "POST", "raw_path": b"/api/v1/x", "query": b"a=1&a=2&b="}


def basic(person: Person) -> key_cache.KeyEntry | credentials.Pending:
    return credentials.check({b"authorization": person.basic.encode()}, body_sha256="", **REQUEST)


def settled(outcome: key_cache.KeyEntry | credentials.Pending) -> key_cache.KeyEntry:
    return outcome.finish() if isinstance(outcome, credentials.Pending) else outcome


def signed(person: Person, *, key_id: str = "", secret: str = "", **changes: Any) -> dict[bytes, bytes]:
    request = REQUEST | changes
    headers = {
        b"x-mq-timestamp": str(int(clock.now_seconds())).encode(),
        b"x-mq-nonce": request.pop("nonce", secrets.token_urlsafe(18)).encode(),
    }
    body = request.pop("body", BODY)
    parameters = f"Credential={key_id or person.key.key_id}, SignedHeaders=x-mq-nonce;x-mq-timestamp, Signature="
    claim = signature.parse(f"{parameters}{'0' * 64}".encode(), headers)
    text = signature.canonical(claim, headers, body_sha256=hashlib.sha256(body).hexdigest(), **request)
    value = signature.sign((secret or person.secret).encode(), text)
    return {**headers, b"authorization": f"MQ1-HMAC-SHA256 {parameters}{value}".encode()}


def prove(headers: dict[bytes, bytes], **changes: Any) -> key_cache.KeyEntry:
    body = changes.pop("body", BODY)
    return credentials.authenticate(
        headers, body_sha256=lambda: hashlib.sha256(body).hexdigest(), **(REQUEST | changes)
    )


def refusal(headers: dict[bytes, bytes], **changes: Any) -> str:
    with pytest.raises(AccountError) as caught:
        prove(headers, **changes)
    return caught.value.code


@pytest.fixture
def no_redis(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"


def test_a_warm_basic_key_costs_no_query_and_little_time(people: People) -> None:
    entry = settled(basic(people.owner))
    assert (entry.account_id, entry.user_id) == (people.owner.user.account_id, people.owner.user.pk)
    with CaptureQueriesContext(connection) as queries:
        began = time.thread_time()
        count = 2000
        for _ in range(count):
            outcome = basic(people.owner)
        each = (time.thread_time() - began) / count
    assert isinstance(outcome, key_cache.KeyEntry)
    assert not queries.captured_queries
    assert each < 50e-6, f"{each * 1e6:.1f} us; about 5 us on an idle machine"


def test_a_wrong_secret_and_an_unknown_key_get_one_answer(people: People) -> None:
    texts = set()
    for key_id, secret in ((people.owner.key.key_id, "wrong"), ("MQ" + "Z" * 18, people.owner.secret), ("x", "y")):
        header = b"Basic " + base64.b64encode(f"{key_id}:{secret}".encode())
        for _ in range(2):  # cold and warm
            with pytest.raises(Unauthenticated) as caught:
                prove({b"authorization": header})
            texts.add((caught.value.code, caught.value.detail))
    assert len(texts) == 1


@pytest.mark.parametrize("header", [b"", b"Basic", b"Basic !!", b"Basic eA==", b"Bearer x", b"Basic " + b"A" * 5000])
def test_a_header_that_proves_nothing_is_refused(people: People, header: bytes) -> None:
    assert refusal({b"authorization": header}) == "UNAUTHENTICATED"
    assert refusal({}) == "UNAUTHENTICATED"


def test_a_disabled_key_is_refused_at_once_here_and_within_two_seconds_elsewhere(people: People) -> None:
    entry = settled(basic(people.owner))
    keys.change(people.owner.user, people.owner.key.key_id, enabled=False)
    with pytest.raises(Unauthenticated) as caught:
        settled(basic(people.owner))
    assert caught.value.code == "ACCESS_KEY_DISABLED"
    # Another process: its cache was filled before and it heard nothing.
    key_cache._cache.known[entry.key_id] = entry
    key_cache._version = -1
    key_cache._compared_at = clock.monotonic()
    key_cache._used_at[entry.key_id] = clock.monotonic()
    assert isinstance(basic(people.owner), key_cache.KeyEntry)
    with clock.travel(limits.KEY_STALE_SECONDS), pytest.raises(Unauthenticated) as caught:
        settled(basic(people.owner))
    assert caught.value.code == "ACCESS_KEY_DISABLED"


def test_one_caller_compares_the_version_while_others_go_on(people: People) -> None:
    settled(basic(people.owner))
    assert isinstance(basic(people.owner), key_cache.KeyEntry)
    with clock.travel(limits.KEY_CHECK_SECONDS + 0.1):
        first, second = basic(people.owner), basic(people.owner)
        assert isinstance(first, credentials.Pending)
        assert isinstance(second, key_cache.KeyEntry)
    with clock.travel(limits.KEY_STALE_SECONDS):
        assert isinstance(basic(people.owner), credentials.Pending)
        assert isinstance(basic(people.owner), credentials.Pending)


def test_a_deleted_key_and_a_switched_off_user_are_refused(people: People) -> None:
    accounts_people.set_active(people.member.user, False, actor="root@acme")
    assert refusal({b"authorization": people.member.basic.encode()}) == "ACCESS_KEY_DISABLED"
    keys.delete(people.owner.user, people.owner.key.key_id)
    assert refusal({b"authorization": people.owner.basic.encode()}) == "UNAUTHENTICATED"


def test_last_use_is_written_once_a_minute(people: People) -> None:
    header = {b"authorization": people.owner.basic.encode()}
    credentials.authenticate(header, body_sha256="", source_ip="10.1.2.3", **REQUEST)
    key = AccessKey.objects.get(pk=people.owner.key.pk)
    assert key.last_used_from == "10.1.2.3"
    assert key.last_used_at is not None
    credentials.authenticate(header, body_sha256="", source_ip="10.9.9.9", **REQUEST)
    key.refresh_from_db()
    assert key.last_used_from == "10.1.2.3"
    with clock.travel(limits.KEY_USE_SECONDS), clock.freeze(key.last_used_at + timedelta(seconds=61)):
        credentials.authenticate(header, body_sha256="", source_ip="10.9.9.9", **REQUEST)
    key.refresh_from_db()
    assert key.last_used_from == "10.9.9.9"


def test_secrets_are_sealed_to_their_account_and_id(people: People) -> None:
    key = AccessKey.objects.get(pk=people.owner.key.pk)
    assert people.owner.secret.encode() not in bytes(key.secret_ciphertext)
    with pytest.raises(vault.Unreadable):
        vault.unseal(
            bytes(key.secret_nonce), bytes(key.secret_ciphertext), account_id=key.user.account_id + 1, key_id=key.key_id
        )


def test_a_user_has_two_keys_and_not_three(people: People) -> None:
    keys.create(people.owner.user)
    with pytest.raises(Rejected) as caught:
        keys.create(people.owner.user)
    assert caught.value.code == "CONFLICT"
    assert AuditEntry.objects.filter(action="ram:CreateAccessKey", account=people.owner.user.account).count() == 3


def test_a_signed_request_is_accepted_once(people: People) -> None:
    headers = signed(people.owner)
    assert prove(headers).user_id == people.owner.user.pk
    assert refusal(headers) == "SIGNATURE_REPLAYED"
    assert prove(signed(people.owner)).user_id == people.owner.user.pk


def test_a_signed_request_is_always_finished_off_the_loop(people: People) -> None:
    hashed: list[int] = []
    outcome = credentials.check(signed(people.owner), body_sha256=lambda: hashed.append(1) or "", **REQUEST)  # type: ignore[func-returns-value]  # notes the call
    assert isinstance(outcome, credentials.Pending)
    assert not hashed


@pytest.mark.parametrize(
    "changes",
    [
        {"body": BODY + b" "},
        {"method": "PUT"},
        {"raw_path": b"/api/v1/y"},
        {"query": b"a=2&a=1&b="},
        {"query": b"a=1&a=2"},
        {"query": b"a=1&a=2&b=&b="},
    ],
)
def test_a_changed_request_is_refused(people: People, changes: dict[str, Any]) -> None:
    assert refusal(signed(people.owner), **changes) == "SIGNATURE_MISMATCH"


def test_fields_of_other_names_may_be_reordered(people: People) -> None:
    assert prove(signed(people.owner), query=b"b=&a=1&a=2")


def test_another_tenants_key_does_not_sign(people: People) -> None:
    assert refusal(signed(people.stranger, key_id=people.owner.key.key_id)) == "SIGNATURE_MISMATCH"
    assert refusal(signed(people.owner, key_id="MQ" + "Z" * 18)) == "SIGNATURE_MISMATCH"
    assert prove(signed(people.stranger)).account_id == people.stranger.user.account_id


def test_two_users_may_have_the_same_nonce(people: People) -> None:
    nonce = secrets.token_urlsafe(18)
    assert prove(signed(people.owner, nonce=nonce))
    assert prove(signed(people.stranger, nonce=nonce))


def test_a_disabled_key_is_told_only_to_its_holder(people: People) -> None:
    keys.change(people.owner.user, people.owner.key.key_id, enabled=False)
    assert refusal(signed(people.owner)) == "ACCESS_KEY_DISABLED"
    assert refusal(signed(people.owner, secret="guessed")) == "SIGNATURE_MISMATCH"


@pytest.mark.parametrize(("skew_seconds", "code"), [(299, None), (-299, None), (301, "x"), (-301, "x")])
def test_a_clock_may_be_five_minutes_wrong(people: People, skew_seconds: int, code: str | None) -> None:
    with clock.freeze(clock.now() + timedelta(seconds=skew_seconds)):
        headers = signed(people.owner)
    if code is None:
        assert prove(headers)
    else:
        assert refusal(headers) == "SIGNATURE_EXPIRED"


def test_nonces_are_kept_in_postgres_while_redis_is_away(people: People, no_redis: None) -> None:
    headers = signed(people.owner)
    assert prove(headers)
    assert refusal(headers) == "SIGNATURE_REPLAYED"
    assert UsedNonce.objects.count() == 1


def test_a_nonce_taken_during_an_outage_is_known_after_it(
    people: People, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    url = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    headers = signed(people.owner)
    assert prove(headers)
    settings.REDIS_URL = url
    volatile.forget()
    assert refusal(headers) == "SIGNATURE_REPLAYED"
    # A process that saw no outage learns of it from Redis.
    monkeypatch.setattr(nonces, "_outage_seen_at", float("-inf"))
    later = signed(people.owner)
    redis_client.delete(*redis_client.keys(f"{volatile.PREFIX}nonce:*"))
    assert refusal(headers) == "SIGNATURE_REPLAYED"
    assert prove(later)


def test_old_nonces_leave_postgres(people: People, no_redis: None) -> None:
    prove(signed(people.owner))
    with clock.freeze(clock.now() + timedelta(seconds=limits.NONCE_KEEP_SECONDS + 1)):
        prove(signed(people.owner))
    assert UsedNonce.objects.count() == 1


def test_sign_in_accepts_the_right_password_and_says_one_thing_of_all_others(people: People) -> None:
    user = accounts_people.sign_in("acme", "root", "correct horse battery staple", source_ip="10.0.0.1")
    assert user.pk == people.owner.user.pk
    details = set()
    for account, name in (("acme", "root"), ("acme", "nobody"), ("nowhere", "root")):
        with pytest.raises(Unauthenticated) as caught:
            accounts_people.sign_in(account, name, "wrong", source_ip="10.0.0.1")
        details.add(caught.value.detail)
    assert len(details) == 1
    assert AuditEntry.objects.filter(action="ram:SignIn", outcome="refused").count() == 2


def test_failures_make_one_address_wait_and_others_not(people: People) -> None:
    for _ in range(limits.SIGN_IN_FREE_COUNT):
        with pytest.raises(Unauthenticated):
            accounts_people.sign_in("acme", "root", "wrong", source_ip="10.0.0.1")
    with pytest.raises(Unauthenticated):  # holds the gate now
        accounts_people.sign_in("acme", "root", "wrong", source_ip="10.0.0.1")
    with pytest.raises(TryLater) as caught:
        accounts_people.sign_in("acme", "root", "correct horse battery staple", source_ip="10.0.0.1")
    assert caught.value.code == "QUOTA_EXCEEDED"
    assert 1 <= caught.value.extra["retry_after_seconds"] <= limits.SIGN_IN_FIRST_WAIT_SECONDS
    assert accounts_people.sign_in("acme", "root", "correct horse battery staple", source_ip="10.0.0.2")


def test_nobody_signs_in_while_failures_cannot_be_counted(people: People, no_redis: None) -> None:
    with pytest.raises(TryLater) as caught:
        accounts_people.sign_in("acme", "root", "correct horse battery staple", source_ip="10.0.0.1")
    assert "Redis" in caught.value.detail
