"""`python -m mqconsole.local.stores COMMAND …`: a command beside the embedded servers, which run as long as it does.

Owns: backup, restore and repair on a machine where nothing but `make run` is installed (docs/operations.md).
Must not know: what the command does.
Called by: people.

PostgreSQL's own programs (`pg_dump`, `psql`) come first on the command's PATH and find the database by themselves.
While `make run` is up, its servers are used.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mqconsole import settings

from . import claim, plan, postgres, prepare, servers


def main() -> int:
    if len(sys.argv) < 2:
        print("usage: python -m mqconsole.local.stores COMMAND [ARGUMENT …]", file=sys.stderr)
        return 2
    if not (settings.EMBEDDED_POSTGRES and settings.EMBEDDED_REDIS):
        print("This is for the built-in servers; yours are named by MQ_DATABASE_URL and MQ_REDIS_URL.", file=sys.stderr)
        return 2
    try:
        with _stores():
            return subprocess.run(sys.argv[1:], env=_environment(), check=False).returncode
    except (claim.Refused, postgres.CannotPrepare, FileNotFoundError) as error:
        print(f"mqconsole: {error}", file=sys.stderr)
        return 1


@contextmanager
def _stores() -> Iterator[None]:
    """Gives servers that answer: those of a running `make run`, or some for this block, with nobody else coming in."""
    settings.RUN_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        lock = claim.claim_directory(settings.DATA_DIR, console_url=plan.console_url())
    except claim.Refused:
        if not (settings.RUN_DIR / postgres.SOCKET_NAME).exists():
            raise
        yield
        return
    log = settings.RUN_DIR / "stores.log"
    with lock, servers.running_postgres(plan.cluster(), log=log), servers.running_redis(plan.cache(), log=log):
        prepare.wait_for_stores()
        yield


def _environment() -> dict[str, str]:
    programs = [str(postgres.program("pg_dump").parent), os.path.dirname(sys.executable)]
    return {
        **os.environ,
        "PATH": os.pathsep.join([*programs, os.environ.get("PATH", os.defpath)]),
        "PGHOST": str(settings.RUN_DIR),
        "PGUSER": "postgres",
        "PGDATABASE": str(settings.DATABASES["default"]["NAME"]),
        "MQ_DATA_DIR": str(settings.DATA_DIR),
    }


if __name__ == "__main__":
    sys.exit(main())
