"""Becomes another program, after tying its life to its parent's.

Owns: the last steps before a child process turns into PostgreSQL, Redis or one of ours.
Must not know: which program that is. Imports the standard library only, because it starts once for every child.
Called by: `mqconsole.local` as `launch.py [--parent PID] [--signal NAME] [--not-root DIRECTORY] -- program argument…`.

`--signal` names what the kernel sends the program when the parent dies, however it dies: nothing is left behind after
`kill -9` of the supervisor. `--not-root` is for PostgreSQL, which refuses to run as root or as a user without a name:
such a caller first enters a user namespace in which it is an ordinary user while its files stay its own; where the
kernel does not allow that, root becomes `nobody` and DIRECTORY (with what is in it) is given to `nobody`.
"""

import argparse
import ctypes
import os
import pwd
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
CANNOT_START = 126


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int)
    parser.add_argument("--signal", default="SIGTERM")
    parser.add_argument("--not-root", type=Path, action="append", default=[])
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if options.not_root and (os.geteuid() == 0 or not _has_name(os.geteuid())):
        leave_root(options.not_root, program=Path(options.command[0]))
    follow_parent(signal.Signals[options.signal], parent=options.parent)
    # Python ignores SIGPIPE, and an ignored signal would stay ignored in the program we become.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execv(options.command[0], options.command)  # noqa: S606 # without a shell is how it should be
    except OSError as error:
        sys.stderr.write(f"cannot run {options.command[0]}: {error.strerror}\n")
        raise SystemExit(CANNOT_START) from error


def follow_parent(death_signal: signal.Signals, *, parent: int | None) -> None:
    """Asks the kernel to send `death_signal` when the parent ends; ends at once if it has ended already."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, death_signal.value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if parent is not None and os.getppid() != parent:
        raise SystemExit(0)


def leave_root(directories: list[Path], *, program: Path) -> None:
    """Becomes an ordinary user in the eyes of the program that follows; `directories` are what it has to own."""
    if _can_enter_user_namespace():
        for directory in directories:
            _give(directory, uid=os.geteuid(), gid=os.getegid())
        _enter_user_namespace()
        return
    if os.geteuid() != 0:
        return  # nothing more can be done for a user without a name; PostgreSQL will say so
    nobody = pwd.getpwnam("nobody")
    for directory in directories:
        _give(directory, uid=nobody.pw_uid, gid=nobody.pw_gid)
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
    for path, need in [(program, os.X_OK), *((directory, os.W_OK) for directory in directories)]:
        if not os.access(path, need):
            sys.stderr.write(
                f"PostgreSQL does not run as root, this machine allows no user namespaces, and the user 'nobody' "
                f"cannot reach {path}. Run as an ordinary user, or move the project (and MQ_DATA_DIR) to a directory "
                f"that others may enter, or set MQ_DATABASE_URL to a PostgreSQL server of your own.\n"
            )
            raise SystemExit(CANNOT_START)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _can_enter_user_namespace() -> bool:
    """Returns whether `_enter_user_namespace` would work; tried in a child, because there is no way back."""
    if sys.platform != "linux":
        return False
    child = os.fork()
    if child == 0:
        try:
            _enter_user_namespace()
        except OSError:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def _enter_user_namespace() -> None:
    """Enters a user namespace in which the caller is an ordinary user and its own files are still its own."""
    uid, gid = os.geteuid(), os.getegid()
    # initdb looks its user up by number, so the number has to be in the machine's list of users.
    inner = min((user.pw_uid for user in pwd.getpwall() if user.pw_uid > 0), default=1)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")
    # Refusing setgroups is the kernel's condition for writing gid_map without privileges outside.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{inner} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{inner} {gid} 1")


def _give(top: Path, *, uid: int, gid: int) -> None:
    """Changes the owner of a directory and everything in it, if it is not theirs already."""
    if top.stat().st_uid == uid:
        return
    for directory, names, files in os.walk(top):
        for name in (*names, *files):
            os.lchown(os.path.join(directory, name), uid, gid)
    os.chown(top, uid, gid)


if __name__ == "__main__":
    main()
