"""Where the files of one installation live under its data directory.

Owns: the directory for sockets, which has to have a short name.
Must not know: Django, or what is listening on the sockets.
Called by: `mqconsole.settings`, so that every process finds the same sockets.
"""

import os
import tempfile
from pathlib import Path

# A unix socket's address holds 104 bytes (macOS) or 108 (Linux), with a closing NUL; the longest name we put
# into the directory is `.s.PGSQL.5432.lock`.
LONGEST_DIRECTORY_BYTES = 104 - 1 - len("/.s.PGSQL.5432.lock")


def socket_directory(data_dir: Path) -> Path:
    """Returns the directory for unix sockets: `run` in the data directory, or a short stand-in for it.

    *Effects*: where the plain path is too long for a socket, makes a private directory under the system's temporary
    directory and writes its name to `run-directory` in the data directory, where the next caller finds it.
    """
    plain = data_dir / "run"
    if len(os.fsencode(plain)) <= LONGEST_DIRECTORY_BYTES:
        return plain
    record = data_dir / "run-directory"
    recorded = _recorded(record)
    if recorded is not None:
        return recorded
    data_dir.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="mqconsole-"))
    fresh = record.with_suffix(f".{os.getpid()}")
    fresh.write_text(str(made))
    fresh.replace(record)
    return made


def _recorded(record: Path) -> Path | None:
    """Returns the stand-in that was chosen before, or None if it is gone or is no longer private."""
    try:
        path = Path(record.read_text().strip())
        state = path.stat()
    except OSError:
        return None
    is_private = path.is_dir() and not path.is_symlink() and state.st_mode & 0o077 == 0
    return path if is_private else None
