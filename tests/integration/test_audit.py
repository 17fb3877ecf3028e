"""The trail: chained as transactions end, proven against tampering, searched and exported by those who may."""

import csv
import io
import json
import threading
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client

from accounts import audit, audit_checkpoints, audit_log, audit_proof, audit_reads
from accounts import clock as accounts_clock
from accounts.audit_log import Filter
from accounts.models import AuditEntry, AuditHead
from brokers.catalog import actions, snapshot
from brokers.domain.errors import BrokerError
from brokers.domain.messages import Outgoing
from brokers.engine import publish
from tests.integration.three_people import People


@pytest.fixture
def kept(people: People, settings: Any, tmp_path: Path) -> People:
    settings.AUDIT_DIR = tmp_path / "audit"
    return people


def write(people: People, count: int) -> None:
    for number in range(count):
        audit.record(people.instance.account_id, "root@acme", "mq:Test", resource=f"r{number}", detail={"n": number})


def found(people: People) -> audit_proof.Finding:
    return audit_proof.verify(people.instance.account_id)


def tamper(statement: str, *values: Any) -> None:
    """Changes the table as somebody would who owns the database."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)


def sequences(people: People) -> list[int | None]:
    rows = AuditEntry.objects.filter(account_id=people.instance.account_id)
    return list(rows.order_by("sequence").values_list("sequence", flat=True))


def test_each_account_has_a_chain_without_holes(kept: People) -> None:
    write(kept, 5)
    with pytest.raises(RuntimeError), transaction.atomic():
        write(kept, 1)
        raise RuntimeError
    write(kept, 1)
    numbers = sequences(kept)
    assert numbers == list(range(1, len(numbers) + 1))
    finding = found(kept)
    assert finding.problems == ()
    assert (finding.count, finding.checkpoint) == (len(numbers), 0)
    assert audit_proof.verify(kept.stranger.actor.account_id).problems == ()


def test_entries_of_many_threads_are_in_one_chain(kept: People) -> None:
    def work() -> None:
        try:
            for _ in range(10):
                with transaction.atomic():
                    write(kept, 2)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found(kept).problems == ()
    assert AuditEntry.objects.filter(action="mq:Test").count() == 120


def test_a_changed_entry_is_found(kept: People) -> None:
    write(kept, 5)
    tamper("UPDATE accounts_auditentry SET outcome = 'ok', actor = 'somebody else' WHERE resource = 'r2'")
    assert [p for p in found(kept).problems if "changed after" in p]


def test_a_changed_entry_with_a_fitting_digest_is_found(kept: People) -> None:
    write(kept, 5)
    entry = AuditEntry.objects.get(resource="r2")
    entry.actor = "somebody else"
    tamper(
        "UPDATE accounts_auditentry SET actor = %s, digest = %s WHERE id = %s",
        entry.actor,
        audit.digest(entry),
        entry.pk,
    )
    assert any("does not follow" in p for p in found(kept).problems)


def test_a_changed_time_is_found(kept: People) -> None:
    write(kept, 5)
    tamper("UPDATE accounts_auditentry SET at = at - interval '1 day' WHERE resource = 'r2'")
    assert any("does not follow" in p for p in found(kept).problems)


def test_a_deleted_entry_is_found(kept: People) -> None:
    write(kept, 5)
    gone = AuditEntry.objects.get(resource="r2").sequence
    tamper("DELETE FROM accounts_auditentry WHERE resource = 'r2'")
    assert found(kept).problems[0] == f"Missing: {gone}, before entry {(gone or 0) + 1}."


def test_entries_that_changed_places_are_found(kept: People) -> None:
    write(kept, 5)
    one, two = AuditEntry.objects.get(resource="r1"), AuditEntry.objects.get(resource="r2")
    tamper("UPDATE accounts_auditentry SET sequence = -1 WHERE id = %s", one.pk)
    tamper("UPDATE accounts_auditentry SET sequence = %s WHERE id = %s", one.sequence, two.pk)
    tamper("UPDATE accounts_auditentry SET sequence = %s WHERE id = %s", two.sequence, one.pk)
    assert any("does not follow" in p for p in found(kept).problems)


def test_a_cut_off_end_is_found_by_the_checkpoint_alone(kept: People) -> None:
    write(kept, 5)
    assert audit_checkpoints.write() == 2
    assert audit_checkpoints.write() == 0
    last = AuditEntry.objects.get(resource="r2")
    tamper("DELETE FROM accounts_auditentry WHERE account_id = %s AND sequence > %s", last.account_id, last.sequence)
    tamper(
        "UPDATE accounts_audithead SET sequence = %s, hash = %s WHERE account_id = %s",
        last.sequence,
        last.hash,
        last.account_id,
    )
    (problem,) = found(kept).problems
    assert problem.startswith("The end is cut off: a signed checkpoint knows")
    write(kept, 5)  # a new end in its place is another one
    assert any("not the one a signed checkpoint speaks of" in p for p in found(kept).problems)


def test_a_changed_or_missing_line_of_the_checkpoints_is_found(kept: People) -> None:
    for _ in range(3):
        write(kept, 1)
        audit_checkpoints.write()
    whole = audit_checkpoints.path().read_text().splitlines(keepends=True)
    audit_checkpoints.path().write_text("".join([*whole[:1], *whole[2:]]))
    with pytest.raises(audit_checkpoints.Broken, match="missing"):
        audit_checkpoints.read()
    audit_checkpoints.path().write_text("".join(whole).replace('"sequence":', '"sequence":1', 1))
    assert "was not signed" in found(kept).problems[0]


def test_the_database_refuses_to_change_or_delete_an_entry(kept: People) -> None:
    for act in (
        lambda: AuditEntry.objects.update(actor="x"),
        lambda: AuditEntry.objects.first().delete(),  # type: ignore[union-attr] # there is one
    ):
        with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
            act()


def test_old_entries_go_once_a_checkpoint_covers_them(kept: People) -> None:
    write(kept, 5)
    with accounts_clock.freeze(accounts_clock.now() + timedelta(days=10)):
        assert audit_proof.prune(timedelta(days=5)) == 0  # nothing is covered yet
        audit_checkpoints.write()
        assert audit_proof.prune(timedelta(days=5)) > 5
    head = AuditHead.objects.get(account_id=kept.instance.account_id)
    assert sequences(kept) == []
    assert head.pruned_sequence == head.sequence
    write(kept, 2)
    finding = found(kept)
    assert finding.problems == ()
    assert finding.first == head.sequence + 1
    tamper("UPDATE accounts_audithead SET pruned_sequence = pruned_sequence - 1 WHERE id = %s", head.pk)
    assert any("no signed line" in p for p in found(kept).problems)


def test_the_command_tells_and_fails(kept: People, capsys: pytest.CaptureFixture[str]) -> None:
    write(kept, 3)
    call_command("verify_audit")
    assert "acme: all is as it was written: " in capsys.readouterr().out
    tamper("DELETE FROM accounts_auditentry WHERE resource = 'r1'")
    with pytest.raises(CommandError):
        call_command("verify_audit", "acme")
    assert "WRONG: Missing: " in capsys.readouterr().out
    call_command("verify_audit", "rival", "--json")
    assert json.loads(capsys.readouterr().out)["problems"] == []


def test_the_same_read_within_a_minute_is_written_once_and_counted(kept: People) -> None:
    reader = kept.owner.actor
    for _ in range(4):
        audit_reads.note(reader, "mq:QueryMessage", "acs:mq:*:1:shop%orders", message_id="m1")
    audit_reads.note(reader, "mq:QueryMessage", "acs:mq:*:1:shop%orders", message_id="m2")
    rows = AuditEntry.objects.filter(action="mq:QueryMessage").order_by("pk")
    assert [row.detail["message_id"] for row in rows] == ["m1", "m2"]
    assert audit_reads.flush() == 0
    with accounts_clock.freeze(accounts_clock.now() + timedelta(seconds=61)):
        assert audit_reads.flush() == 2
    assert [(row.detail["message_id"], row.count) for row in rows.all()] == [("m1", 1), ("m2", 1), ("m1", 3)]
    assert found(kept).problems == ()


def test_the_trail_is_searched_page_by_page(kept: People) -> None:
    write(kept, 7)
    audit.record(kept.instance.account_id, "mia@acme", "mq:Other", resource="r1", outcome=audit.REFUSED)
    asker = kept.owner.actor
    first = audit_log.search(asker, Filter(action="mq:Test"), cursor=None, limit=5)
    second = audit_log.search(asker, Filter(action="mq:Test"), cursor=first.next, limit=5)
    assert [one.detail["n"] for one in first.entries + second.entries] == [6, 5, 4, 3, 2, 1, 0]
    assert second.next is None
    for wanted, count in (
        (Filter(actor="mia@acme", action="mq:Other"), 1),
        (Filter(actor="mia@*", action="mq:O*"), 1),
        (Filter(outcome="refused"), 1),
        (Filter(resource="r1"), 2),
        (Filter(action="mq:Test", until=accounts_clock.now() - timedelta(hours=1)), 0),
        (Filter(actor="nobody"), 0),
    ):
        assert len(audit_log.search(asker, wanted, cursor=None, limit=50).entries) == count


def test_a_search_by_resource_says_where_it_stopped(kept: People, monkeypatch: pytest.MonkeyPatch) -> None:
    write(kept, 30)
    monkeypatch.setattr("accounts.limits.AUDIT_SCAN_COUNT", 10)
    page = audit_log.search(kept.owner.actor, Filter(resource="r3"), cursor=None, limit=5)
    assert (page.entries, page.is_cut) == ([], True)
    page = audit_log.search(kept.owner.actor, Filter(resource="r1"), cursor=page.next, limit=50)
    assert len(page.entries) == 10


def test_an_export_holds_what_a_reader_needs_to_check_it(kept: People) -> None:
    write(kept, 3)
    audit.record(kept.instance.account_id, "=1+1", "mq:Test", resource="r9")
    lines = b"".join(audit_log.export(kept.owner.actor, Filter(action="mq:Test"), "jsonl")).decode().splitlines()
    assert [json.loads(line)["resource"] for line in lines] == ["r0", "r1", "r2", "r9"]
    assert all(len(json.loads(line)["hash"]) == 64 for line in lines)
    rows = list(csv.DictReader(io.StringIO(b"".join(audit_log.export(kept.owner.actor, Filter(), "csv")).decode())))
    assert rows[-2]["actor"] == "'=1+1"
    assert rows[-1]["action"] == "mq:ExportAudit"


def test_the_api_lists_and_exports_what_the_reader_may(kept: People) -> None:
    write(kept, 3)
    listed = kept.owner.call("GET", "/audit?action=mq:Test&limit=2").json()
    assert [row["resource"] for row in listed["items"]] == ["r2", "r1"]
    assert len(kept.owner.call("GET", f"/audit?action=mq:Test&cursor={listed['next']}").json()["items"]) == 1
    file = kept.owner.call("GET", "/audit:export?format=csv&action=mq:Test")
    assert file.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    assert b"".join(file.streaming_content).count(b"mq:Test") == 3
    assert kept.member.call("GET", "/audit").status_code == 403
    assert kept.member.call("GET", "/audit:export").status_code == 403
    assert kept.stranger.call("GET", "/audit?action=mq:Test").json()["items"] == []
    assert kept.owner.call("GET", "/audit?cursor=x").status_code == 400


def test_a_change_is_written_with_what_was_before_and_after(kept: People) -> None:
    actions.create_topic(kept.owner.actor, kept.instance, name="orders", queue_count=1)
    assert kept.owner.call("PATCH", "/instances/shop/topics/orders", {"queues": 3}).status_code == 200
    detail = AuditEntry.objects.get(action="mq:UpdateTopic").detail
    assert detail == {"before": {"queues": 1}, "after": {"queues": 3}}


def test_reading_a_body_is_written_down(kept: People) -> None:
    topic = actions.create_topic(kept.owner.actor, kept.instance, name="orders", queue_count=1)
    entry = snapshot.topic(kept.instance.account_id, "shop", topic.name)
    [sent] = publish.publish([publish.Send(entry, Outgoing(body=b"secret", message_id="m1", born_at_ms=1))])
    assert not isinstance(sent, BrokerError)
    for _ in range(2):
        assert kept.owner.call("GET", "/instances/shop/messages/m1").json()["body"] == "secret"
    (read,) = AuditEntry.objects.filter(action="mq:QueryMessage")
    assert read.detail == {"message_id": "m1"}
    assert read.actor == kept.owner.actor.signature
    kept.owner.call("GET", "/instances/shop/messages?topic=orders&body=secret")
    assert AuditEntry.objects.latest("pk").detail == {"search": {"topic": "orders", "body": "a text"}}
    kept.owner.call("GET", "/instances/shop/messages/none")
    assert AuditEntry.objects.filter(action="mq:QueryMessage").count() == 2


def test_the_page_searches_and_offers_the_file(kept: People) -> None:
    write(kept, 3)
    browser = Client()
    browser.force_login(kept.owner.user)
    shown = browser.get("/audit?action=mq:Test&resource=r1").content.decode()
    assert "r1" in shown
    assert "r2" not in shown
    assert "/api/v1/audit:export?format=csv&amp;action=mq%3ATest&amp;resource=r1" in shown
    member = Client()
    member.force_login(kept.member.user)
    assert member.get("/audit").status_code == 403


def test_entries_from_before_the_chain_are_chained(kept: People) -> None:
    write(kept, 3)
    tamper("UPDATE accounts_auditentry SET digest = '', hash = '', sequence = NULL")
    tamper("DELETE FROM accounts_audithead")
    assert "in no chain" in found(kept).problems[0]
    chain = import_module("accounts.migrations.0006_audit_chain_kept").chain
    with transaction.atomic():
        connection.cursor().execute("SET LOCAL session_replication_role = replica")
        chain(apps, connection.schema_editor())
    assert found(kept).problems == ()
    write(kept, 1)
    assert found(kept).problems == ()
