"""`python -m mqconsole.local`: starts the whole stack, keeps it up and stops it on Ctrl-C. `make run` calls this."""

import json
import os
import resource
import shutil
import sys
from pathlib import Path

from mqconsole.env import BadSetting


def main() -> int:
    try:
        from . import claim, plan, postgres
    except BadSetting as error:
        return _refuse(str(error))
    from mqconsole import settings

    try:
        lock = claim.claim_directory(settings.DATA_DIR, console_url=plan.console_url())
        claim.check_ports(plan.ports(), host=settings.BIND)
        is_first_start = not (settings.DATA_DIR / "credentials.json").exists()
        _make_stores()
    except (claim.Refused, postgres.CannotPrepare) as error:
        return _refuse(str(error))
    with lock:
        return 0 if _run(is_first_start=is_first_start) else 1


def _make_stores() -> None:
    from mqconsole import settings

    from . import plan

    settings.RUN_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.EMBEDDED_POSTGRES:
        cluster = plan.cluster()
        cluster.make()
        cluster.configure()
    if settings.EMBEDDED_REDIS:
        plan.cache().make()


def _run(*, is_first_start: bool) -> bool:
    from mqconsole import settings

    from . import plan, supervision
    from .lines import Terminal

    # Children find the same data whatever their working directory, and print line by line.
    os.environ.update(
        MQ_DATA_DIR=str(settings.DATA_DIR), PYTHONUNBUFFERED="1", DJANGO_SETTINGS_MODULE="mqconsole.settings"
    )
    if settings.WEB_PROCESSES > 1:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_empty_directory(settings.RUN_DIR / "metrics"))
    os.chdir(settings.BASE_DIR)
    _allow_many_connections()
    table = plan.processes(parent=os.getpid())
    terminal = Terminal(sys.stdout.buffer, names=[process.name for process in table])
    terminal.say(f"starting with the data in {settings.DATA_DIR}")
    is_clean = supervision.supervise(
        table,
        run_dir=settings.RUN_DIR,
        log_dir=settings.DATA_DIR / "log",
        terminal=terminal,
        greet=lambda: terminal.show(_greeting(settings.DATA_DIR, shows_password=is_first_start)),
    )
    terminal.say(
        "everything has stopped; the data stays" if is_clean else f"stopped; logs are in {settings.DATA_DIR}/log"
    )
    return is_clean


def _greeting(data_dir: Path, *, shows_password: bool) -> str:
    """Returns the block printed when all is ready. The password is in it on the very first start only."""
    from . import plan

    path = data_dir / "credentials.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    lines = ["", f"  mqconsole is ready:  {known.get('console_url') or plan.console_url()}", ""]
    if known.get("username"):
        lines.append(f"    user       {known['username']}")
    if shows_password and known.get("password"):
        lines.append(f"    password   {known['password']}    (shown this once)")
    lines.append(f"    keys       {path}")
    lines.append(f"    logs       {data_dir / 'log'}")
    if shows_password:
        lines += ["", "  New here? Sign in and follow the first page; docs/quickstart.md takes five minutes."]
    return "\n".join([*lines, "", "  Ctrl-C stops everything; the data stays.", ""])


def _empty_directory(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    return path


def _allow_many_connections() -> None:
    """Raises the soft limit on open files to the hard one: every client connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _refuse(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
