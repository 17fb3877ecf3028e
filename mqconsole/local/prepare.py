"""The step between the stores and the product: waits for both, brings the schema up to date, makes the first account.

Owns: deciding cheaply whether there is anything to do, so that a later start does not load Django for it.
Must not know: what a migration or the first account holds.
Called by: the supervisor, as `python -m mqconsole.local.prepare`.
"""

import hashlib
import importlib.util
import os
import pkgutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg
import redis
from psycopg import sql

from mqconsole import settings

STORES_DEADLINE_SECONDS = 60.0
RETRY_SECONDS = 0.05
# Django's own words among the connection's options.
DJANGO_OPTIONS = {"pool", "server_side_binding", "isolation_level", "assume_role"}


def main() -> None:
    wait_for_stores()
    with psycopg.connect(**connection_options()) as connection:
        is_behind = bool(pending_migrations(connection))
    if is_behind or not (settings.DATA_DIR / "credentials.json").exists():
        _migrate_and_bootstrap()
    _collect_static_files()


def wait_for_stores() -> None:
    """Returns when both servers answer and, on an embedded server, the database exists.

    *Raises* SystemExit when a server does not answer within STORES_DEADLINE_SECONDS.
    """
    _wait("PostgreSQL", _ensure_database)
    _wait("Redis", _ping_redis)


def connection_options(database: str | None = None) -> dict[str, Any]:
    """Returns psycopg's arguments for the database of the settings, or for another on the same server."""
    configured: Any = settings.DATABASES["default"]
    return {
        **{name: value for name, value in configured["OPTIONS"].items() if name not in DJANGO_OPTIONS},
        "dbname": database or configured["NAME"],
        "user": configured["USER"] or None,
        "password": configured["PASSWORD"] or None,
        "host": configured["HOST"] or None,
        "port": configured["PORT"] or None,
        "connect_timeout": 5,
        "autocommit": True,
    }


def _wait(name: str, attempt: Callable[[], None]) -> None:
    """Repeats `attempt` until the server answers; ends the program with the last reason when it never does."""
    deadline = time.monotonic() + STORES_DEADLINE_SECONDS
    while True:
        try:
            return attempt()
        except (psycopg.OperationalError, redis.RedisError) as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"{name} did not answer within {STORES_DEADLINE_SECONDS:.0f} s: {error}") from error
        time.sleep(RETRY_SECONDS)


def _ensure_database() -> None:
    """Creates the database on the embedded server; somebody else's server gets no databases from us."""
    if not settings.EMBEDDED_POSTGRES:
        psycopg.connect(**connection_options()).close()
        return
    name = connection_options()["dbname"]
    with psycopg.connect(**connection_options("postgres")) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _ping_redis() -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.ping()


def pending_migrations(connection: psycopg.Connection[Any]) -> set[tuple[str, str]]:
    """Returns the migrations on disk (application, name) that the database does not have."""
    on_disk = set()
    for application in settings.INSTALLED_APPS:
        package = application.removesuffix(".apps.SimpleAppConfig")
        try:
            found = importlib.util.find_spec(f"{package}.migrations")
        except ModuleNotFoundError:
            continue
        places = list(found.submodule_search_locations or []) if found else []
        label = package.rpartition(".")[2]
        on_disk |= {(label, module.name) for module in pkgutil.iter_modules(places) if not module.name.startswith("_")}
    table = connection.execute("SELECT to_regclass('django_migrations')").fetchone()
    if table is None or table[0] is None:
        return on_disk
    return on_disk - set(connection.execute("SELECT app, name FROM django_migrations").fetchall())


def _migrate_and_bootstrap() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mqconsole.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("bootstrap")
    sys.stdout.flush()


def _collect_static_files() -> None:
    """Copies the console's files, compressed and with hashes in their names, to where the web process serves them.

    Does nothing when the files are as they were the last time.
    """
    sources = sorted(path for top in settings.STATICFILES_DIRS for path in top.rglob("*") if path.is_file())
    states = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sources]
    fingerprint = hashlib.sha256(repr(states).encode()).hexdigest()
    stamp = settings.STATIC_ROOT / ".sources"
    if stamp.exists() and stamp.read_text() == fingerprint:
        return
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    # A program of its own: the settings choose the storage with hashed names once this file is there.
    manifest = settings.STATIC_ROOT / "staticfiles.json"
    if not manifest.exists():
        manifest.write_text('{"version": "1.1", "paths": {}}')
    # The pages of the REST framework are not served.
    command = [
        sys.executable,
        "manage.py",
        "collectstatic",
        "--no-input",
        "--verbosity",
        "0",
        "--ignore",
        "rest_framework",
    ]
    subprocess.run(command, cwd=settings.BASE_DIR, check=True)
    stamp.write_text(fingerprint)


if __name__ == "__main__":
    main()
