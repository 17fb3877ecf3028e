"""Backup and restore as docs/operations.md has them, with nothing installed but the product."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mqconsole import settings
from tests import stack

RESTORE = "dropdb mqconsole && createdb mqconsole && pg_restore -d mqconsole {dump} && python manage.py after_restore"


@pytest.fixture
def data_dir() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="mqrun-"))
    yield made
    shutil.rmtree(made)


def beside_stores(data_dir: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MQ_")}
    return subprocess.run(
        [sys.executable, "-m", "mqconsole.local.stores", *command],
        env={**kept, "MQ_DATA_DIR": str(data_dir), **environment},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_dump_is_restored_with_the_built_in_programs_alone(data_dir: Path) -> None:
    dump = data_dir / "mq.dump"
    script = f"python manage.py migrate --verbosity 0 && pg_dump -Fc -f {dump} && {RESTORE.format(dump=dump)}"
    done = beside_stores(data_dir, "sh", "-ec", script)
    assert done.returncode == 0, done.stderr
    assert "queues go on 1000000 offsets later" in done.stdout
    assert not (data_dir / "run" / ".s.PGSQL.5432").exists()


def test_servers_of_a_running_product_are_used(server: stack.Running) -> None:
    done = beside_stores(server.data_dir, "psql", "-Atc", "SELECT count(*) FROM brokers_instance")
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) >= 1
    assert server.process.poll() is None


def test_own_servers_and_missing_commands_are_refused_with_a_reason(data_dir: Path) -> None:
    mine = beside_stores(data_dir, "psql", MQ_DATABASE_URL="postgresql://mq@localhost/mq")
    assert (mine.returncode, "MQ_DATABASE_URL" in mine.stderr) == (2, True)
    nothing = beside_stores(data_dir)
    assert (nothing.returncode, "usage" in nothing.stderr) == (2, True)
