"""The doctor sees what would lose messages, and the start-up guard refuses it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.core.management import call_command

from mqconsole import doctor, settings
from mqconsole.local.prepare import connection_options, pending_migrations
from tests import stack


@pytest.fixture
def migrated(servers: None) -> Iterator[None]:
    """The settings' own database (not the tests'), with every migration marked as applied."""
    with psycopg.connect(**connection_options()) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS django_migrations (app text, name text)")
        for app, name in pending_migrations(connection):
            connection.execute("INSERT INTO django_migrations VALUES (%s, %s)", [app, name])
        yield
        connection.execute("DROP TABLE django_migrations")


@contextmanager
def role_setting(name: str, value: str) -> Iterator[None]:
    with psycopg.connect(**connection_options()) as connection:
        connection.execute(f"ALTER ROLE postgres SET {name} = {value}")
        yield
        connection.execute(f"ALTER ROLE postgres RESET {name}")


def test_healthy_servers_pass(migrated: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("doctor", "--json")
    findings = json.loads(capsys.readouterr().out)
    assert [finding for finding in findings if finding["level"] == "FAIL"] == []
    assert {"PostgreSQL", "fsync", "synchronous_commit", "full_page_writes", "data_checksums", "connections"} <= {
        finding["check"] for finding in findings
    }
    doctor.refuse_unsafe_database()


def test_commit_that_does_not_wait_is_refused(
    migrated: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with role_setting("synchronous_commit", "off"):
        with pytest.raises(doctor.UnsafeDatabase, match=r"synchronous_commit is off.*MQ_ALLOW_UNSAFE=1"):
            doctor.refuse_unsafe_database()
        with pytest.raises(SystemExit) as ended:
            call_command("doctor")
        assert ended.value.code == 1
        monkeypatch.setattr(settings, "ALLOW_UNSAFE", True)
        doctor.refuse_unsafe_database()
    assert "ALTER SYSTEM SET synchronous_commit = on" in capsys.readouterr().out


def test_commit_that_waits_for_this_disk_only_is_safe(migrated: None) -> None:
    with role_setting("synchronous_commit", "local"):
        doctor.refuse_unsafe_database()


def test_missing_migrations_are_found(servers: None) -> None:
    schema = next(finding for finding in doctor.examine() if finding.check == "schema")
    assert schema.level is doctor.Level.FAIL and "migrations are missing" in schema.text


def test_servers_that_do_not_answer_are_findings(servers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    port = stack.free_port()
    monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{port}")
    monkeypatch.setitem(settings.DATABASES["default"], "HOST", "/nowhere")
    found = {finding.check: finding for finding in doctor.examine()}
    assert found["PostgreSQL"].level is doctor.Level.FAIL and "does not answer" in found["PostgreSQL"].text
    assert found["Redis"].level is doctor.Level.FAIL and "does not answer" in found["Redis"].text


def test_too_few_connections_are_found(migrated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ENGINE_THREADS", 64)
    found = next(finding for finding in doctor.examine() if finding.check == "connections")
    assert found.level is doctor.Level.FAIL and "MQ_ENGINE_THREADS" in found.advice
