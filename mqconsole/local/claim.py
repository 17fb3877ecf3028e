"""Whose turn it is: one supervisor to a data directory, and free ports before anything starts.

Owns: the lock file of the data directory and the test whether a port is free.
Must not know: what the supervisor runs.
Called by: `mqconsole.local.__main__`.
"""

import fcntl
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import IO


class Refused(Exception):
    """The stack cannot start here; the text says why and what to do."""


def claim_directory(data_dir: Path, *, console_url: str) -> IO[str]:
    """Makes this process the only one that runs the stack on `data_dir`, as long as the returned file is open.

    *Raises* Refused when another process holds it already, or when the directory is another user's.
    """
    try:
        data_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
        owner = data_dir.stat().st_uid
        lock = (data_dir / "supervisor.lock").open("a+") if owner == os.geteuid() else None
    except OSError as error:
        raise Refused(
            f"cannot use the data directory {data_dir}: {error.strerror}. Set MQ_DATA_DIR to another."
        ) from error
    if lock is None:
        raise Refused(
            f"the data directory {data_dir} belongs to user number {owner}, and this is user number {os.geteuid()}. "
            f"Start as that user, or set MQ_DATA_DIR to another directory."
        )
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused(_describe_holder(lock, data_dir)) from None
    lock.seek(0)
    lock.truncate()
    json.dump({"pid": os.getpid(), "console_url": console_url}, lock)
    lock.flush()
    return lock


def _describe_holder(lock: IO[str], data_dir: Path) -> str:
    lock.seek(0)
    try:
        holder = json.load(lock)
    except json.JSONDecodeError:  # it has the lock and has not written its name yet
        return f"mqconsole is already starting with the data in {data_dir}."
    return (
        f"mqconsole is already running with the data in {data_dir}: process {holder['pid']}, "
        f"console {holder['console_url']}\nStop it with: kill {holder['pid']}    "
        f"(or start a second one beside it: MQ_DATA_DIR=var2 MQ_HTTP_PORT=8001 make run)"
    )


def check_ports(ports: Mapping[str, int], *, host: str) -> None:
    """Checks that each port can be listened on; `ports` maps the variable that sets a port to the port.

    *Raises* Refused, naming each taken port and its variable.
    """
    problems = []
    for variable, port in ports.items():
        reason = _why_not_free(host, port)
        if reason is not None:
            problems.append(
                f"port {port} on {host} cannot be used: {reason}. Choose another: {variable}={port + 1} make run"
            )
    if problems:
        raise Refused("\n".join(problems))


def _why_not_free(host: str, port: int) -> str | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As every server does: a port that only has closed connections lingering is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return os.strerror(error.errno) if error.errno else str(error)
    return None
