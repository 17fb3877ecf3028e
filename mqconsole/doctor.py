"""Looks at the servers and the machine, and says what would lose messages or stop the product.

Owns: the list of checks and the advice each gives.
Must not know: how the findings are shown.
Called by: `manage.py doctor`, and at their start by the web and the broker (`refuse_unsafe_database`).
"""

import enum
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import redis

from . import settings
from .local.prepare import connection_options, pending_migrations

OLDEST_POSTGRES = (15, 0)
OLDEST_REDIS = (6, 2)
GIGABYTE = 1000**3
# Below the first there is a warning, below the second a failure.
FREE_BYTES = (5 * GIGABYTE, GIGABYTE // 2)
# Above the first there is a warning, above the second a failure: signatures of clients are refused by then.
CLOCK_SECONDS = (2.0, 60.0)
# Web, broker and jobs; each holds one connection a thread of the engine and a few for pages, tasks and listeners.
PROCESS_COUNT = 2
OTHER_CONNECTIONS = 6


class Level(enum.StrEnum):
    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `advice` says what to do; it is empty when all is well."""

    check: str
    level: Level
    text: str
    advice: str = ""


class UnsafeDatabase(Exception):
    """The database would lose acknowledged messages; the text names the settings."""


def examine() -> list[Finding]:
    """Returns the finding of every check; a server that does not answer is a finding too."""
    return [*_examine_database(), *_examine_redis(), *_examine_machine()]


def refuse_unsafe_database() -> None:
    """Checks that an acknowledged message survives a power cut.

    *Raises* UnsafeDatabase when fsync or synchronous_commit is off and MQ_ALLOW_UNSAFE is not set; psycopg's
    OperationalError when the database does not answer.
    """
    if settings.ALLOW_UNSAFE:
        return
    with psycopg.connect(**connection_options()) as connection:
        bad = [finding for finding in _durability(connection) if finding.level is Level.FAIL]
    if bad:
        names = ", ".join(finding.text for finding in bad)
        raise UnsafeDatabase(
            f"this database would lose acknowledged messages ({names}). {bad[0].advice} "
            f"To start all the same, with that risk: MQ_ALLOW_UNSAFE=1"
        )


def _examine_database() -> list[Finding]:
    try:
        with psycopg.connect(**connection_options()) as connection:
            return [finding for check in DATABASE_CHECKS for finding in check(connection)]
    except psycopg.OperationalError as error:
        advice = "Start it with `make run`, or correct MQ_DATABASE_URL."
        return [Finding("PostgreSQL", Level.FAIL, f"does not answer: {str(error).strip()}", advice)]


def _postgres_version(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    version = divmod(connection.info.server_version, 10000)
    text = f"version {version[0]}.{version[1]}"
    if version < OLDEST_POSTGRES:
        yield Finding("PostgreSQL", Level.FAIL, text, f"Use version {OLDEST_POSTGRES[0]} or newer.")
    else:
        yield Finding("PostgreSQL", Level.OK, text)


def _durability(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """`local`, `remote_write` and `remote_apply` of synchronous_commit all wait for this server's disk."""
    for name, level, harm in (
        ("fsync", Level.FAIL, "a power cut destroys the database"),
        ("synchronous_commit", Level.FAIL, "a crash loses messages that were acknowledged"),
        ("full_page_writes", Level.FAIL, "a power cut can tear pages apart"),
        ("data_checksums", Level.WARN, "damage on the disk goes unnoticed"),
    ):
        value = _setting(connection, name)
        if value != "off":
            yield Finding(name, Level.OK, f"{name} is {value}")
            continue
        how = "Stop the server and run `pg_checksums --enable`" if name == "data_checksums" else _how_to_set(name)
        yield Finding(name, level, f"{name} is off", f"{how}: {harm}.")


def _how_to_set(name: str) -> str:
    return f"Run `ALTER SYSTEM SET {name} = on` and `SELECT pg_reload_conf()`"


def _connections(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    reserved = int(_setting(connection, "superuser_reserved_connections"))
    available = int(_setting(connection, "max_connections")) - reserved
    needed = (settings.WEB_PROCESSES + PROCESS_COUNT) * (settings.ENGINE_THREADS + OTHER_CONNECTIONS)
    web = f"{settings.WEB_PROCESSES} web processes" if settings.WEB_PROCESSES > 1 else "one web"
    text = f"{available} available, {needed} needed by {web}, one broker and one jobs process"
    advice = "Raise max_connections on the server, or lower MQ_ENGINE_THREADS or MQ_WEB_PROCESSES."
    is_enough = needed <= available
    yield Finding("connections", Level.OK if is_enough else Level.FAIL, text, "" if is_enough else advice)


def _clock(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    before = time.time()
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    assert row is not None  # a query without FROM has one row
    difference = abs(row[0] - (before + time.time()) / 2)
    level = Level.FAIL if difference > CLOCK_SECONDS[1] else Level.WARN if difference > CLOCK_SECONDS[0] else Level.OK
    advice = "" if level is Level.OK else "Run a time service (chrony, systemd-timesyncd) on both machines."
    yield Finding("clock", level, f"{difference:.3f} s between this machine and the database", advice)


def _schema(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    pending = len(pending_migrations(connection))
    advice = "Run `manage.py migrate`, or start with `make run`, which does."
    if pending:
        yield Finding("schema", Level.FAIL, f"{pending} migrations are missing in the database", advice)
    else:
        yield Finding("schema", Level.OK, "up to date")


def _setting(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None  # a query without FROM has one row
    return str(row[0])


DATABASE_CHECKS: tuple[Callable[[psycopg.Connection[Any]], Iterator[Finding]], ...] = (
    _postgres_version,
    _durability,
    _connections,
    _clock,
    _schema,
)


def _examine_redis() -> list[Finding]:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5) as client:
            known: Any = client.info()
    except redis.RedisError as error:
        return [Finding("Redis", Level.FAIL, f"does not answer: {error}", "Start it, or correct MQ_REDIS_URL.")]
    # Valkey answers with the version of Redis it is compatible with.
    version = tuple(int(part) for part in str(known["redis_version"]).split(".")[:2])
    is_new = version >= OLDEST_REDIS
    found = [
        Finding(
            "Redis",
            Level.OK if is_new else Level.FAIL,
            f"speaks version {known['redis_version']}",
            "" if is_new else "Use version 6.2 or newer.",
        )
    ]
    policy = known.get("maxmemory_policy", "unknown")
    if policy == "noeviction":
        return [*found, Finding("maxmemory-policy", Level.OK, "noeviction")]
    advice = "Set `maxmemory-policy noeviction`: a lease that is thrown away is a message delivered twice."
    return [*found, Finding("maxmemory-policy", Level.WARN, str(policy), advice)]


def _examine_machine() -> list[Finding]:
    found = []
    place = next(path for path in (settings.DATA_DIR, *settings.DATA_DIR.parents) if path.exists())
    free = shutil.disk_usage(place).free
    level = Level.FAIL if free < FREE_BYTES[1] else Level.WARN if free < FREE_BYTES[0] else Level.OK
    advice = "" if level is Level.OK else "Make room, shorten MQ_RETENTION_HOURS, or move MQ_DATA_DIR."
    found.append(Finding("disk", level, f"{free / GIGABYTE:.1f} GB free at {place}", advice))
    is_local = settings.ADVERTISE_HOST in {"127.0.0.1", "localhost", "::1"}
    if is_local and settings.BIND not in {"127.0.0.1", "localhost", "::1"}:
        advice = "Set MQ_ADVERTISE_HOST to the name by which other machines reach this one."
        found.append(Finding("addresses", Level.WARN, f"listens on {settings.BIND}, but routes say 127.0.0.1", advice))
    else:
        text = f"listens on {settings.BIND}, routes say {settings.ADVERTISE_HOST}"
        found.append(Finding("addresses", Level.OK, text))
    return found
