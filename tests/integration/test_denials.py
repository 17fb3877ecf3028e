"""Refusals in the trail: the first by itself, the same again as one entry with a count, whatever a client does."""

import base64
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import audit, audit_proof, clock, denials, grants, keys, limits
from accounts.denials import Refusal
from accounts.errors import Denied
from accounts.models import AuditEntry
from tests.integration import three_people
from tests.integration.three_people import People


def refusal(people: People, resource: str = "acs:mq:*:1:shop%t", *, source_ip: str = "192.0.2.1") -> Refusal:
    return Refusal(
        account_id=people.instance.account_id,
        login="mia@acme",
        actor="mia@acme (MQ1)",
        source_ip=source_ip,
        action="mq:PUB",
        resource=resource,
        detail={"reason": "no policy allows it", "statement": None},
    )


def counts() -> list[int]:
    return list(AuditEntry.objects.filter(outcome="refused").order_by("pk").values_list("count", flat=True))


def minute_over() -> None:
    with clock.travel(limits.DENIAL_NOTE_SECONDS):
        denials.flush()


def test_a_client_in_a_loop_costs_two_entries_a_minute(people: People, redis_client: Any) -> None:
    for _ in range(50):
        assert people.member.call("GET", "/instances/shop/topics/secret").status_code == 403
    denials.flush()
    assert counts() == [1]
    minute_over()
    assert counts() == [1, 49]
    row = AuditEntry.objects.filter(outcome="refused").latest("pk")
    assert row.action == "mq:QueryTopic"
    assert row.detail["reason"] == "no policy allows it"
    assert row.detail["repeated_from"] <= row.detail["repeated_to"]
    minute_over()
    assert counts() == [1, 49]
    assert audit_proof.verify(people.instance.account_id).problems == ()


def test_another_minute_begins_with_an_entry_of_its_own(people: People, redis_client: Any) -> None:
    for _ in range(3):
        denials.note(refusal(people))
    redis_client.flushdb()  # a minute went by there too
    with clock.travel(limits.DENIAL_NOTE_SECONDS):
        denials.note(refusal(people))
        assert counts() == [1, 2, 1]


def test_what_another_process_wrote_is_counted_here(people: People, redis_client: Any) -> None:
    denials.note(refusal(people))
    denials.forget()  # as a process that knows nothing of it
    denials.note(refusal(people))
    assert counts() == [1]
    minute_over()
    assert counts() == [1, 1]


def test_other_addresses_and_resources_are_other_refusals(people: People, redis_client: Any) -> None:
    denials.note(refusal(people))
    denials.note(refusal(people, source_ip="192.0.2.2"))
    denials.note(refusal(people, "acs:mq:*:1:shop%other"))
    assert counts() == [1, 1, 1]


def test_too_many_different_refusals_become_one_count(
    people: People, redis_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DENIAL_NOTE_COUNT", 5)
    for number in range(20):
        denials.note(refusal(people, f"acs:mq:*:1:shop%{number}"))
    assert counts() == [1] * 5
    minute_over()
    assert counts() == [1] * 5 + [15]
    assert AuditEntry.objects.latest("pk").actor == "mia@acme"


def test_a_refusal_inside_a_transaction_outlives_it(people: People, redis_client: Any) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        denials.note(refusal(people))
        raise RuntimeError
    assert counts() == [1]


def test_nothing_is_forgotten_while_the_database_is_away(
    people: People, redis_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DatabaseError

    with monkeypatch.context() as away:
        away.setattr(audit, "record", fail)
        for _ in range(3):
            denials.note(refusal(people))
        minute_over()
        denials.note(refusal(people))
    minute_over()
    assert sum(counts()) == 4


def test_a_wrong_secret_and_a_disabled_key_are_in_the_trail(people: People, redis_client: Any) -> None:
    mia = people.member
    wrong = "Basic " + base64.b64encode(f"{mia.key.key_id}:wrong".encode()).decode()
    for _ in range(3):
        assert three_people.call("GET", "/whoami", Authorization=wrong).status_code == 401
    keys.change(mia.user, mia.key.key_id, enabled=False)
    assert mia.call("GET", "/whoami").status_code == 401
    assert counts() == []  # nothing is written where a request waits
    denials.flush()
    assert counts() == [1, 1]
    minute_over()
    rows = AuditEntry.objects.filter(action="ram:UseAccessKey").order_by("pk")
    assert [(row.count, row.detail["reason"]) for row in rows] == [
        (1, "the secret was another one"),
        (1, "the key is disabled"),
        (2, "the secret was another one"),
    ]


def test_an_event_loop_never_waits_for_the_trail(people: People, redis_client: Any) -> None:
    with CaptureQueriesContext(connection) as asked:
        denials.note(refusal(people), at_once=False)
        with clock.travel(limits.DENIAL_NOTE_SECONDS):  # what is old by then is left to `flush` too
            denials.note(refusal(people), at_once=False)
    assert len(asked) == 0
    minute_over()
    assert sum(counts()) == 2


def test_an_unknown_key_is_in_nobodys_trail(people: People, redis_client: Any) -> None:
    unknown = "Basic " + base64.b64encode(b"MQAAAAAAAAAAAAAAAAAA:wrong").decode()
    assert three_people.call("GET", "/whoami", Authorization=unknown).status_code == 401
    minute_over()
    assert counts() == []


def test_giving_more_than_one_holds_is_written_down(people: People, redis_client: Any) -> None:
    owner, mia = people.owner.actor, people.member.actor
    grants.create_policy(
        owner, "helper", '{"Version": "1", "Statement": {"Effect": "Allow", "Action": "ram:*", "Resource": "*"}}'
    )
    grants.attach(owner, "helper", user="mia")
    with pytest.raises(Denied, match="more than you hold"):
        grants.attach(mia, "FullAccess", user="mia")
    (row,) = AuditEntry.objects.filter(outcome="refused")
    assert "more than you hold" in row.detail["reason"]


def test_everything_is_written_when_a_process_ends(people: People, redis_client: Any) -> None:
    for _ in range(4):
        denials.note(refusal(people))
    denials.flush(everything=True)
    assert counts() == [1, 3]
