"""What runs, in which order, and how each process is stopped.

Owns: the table of processes.
Must not know: how a process is watched or restarted (`supervision`).
Called by: `mqconsole.local.__main__`.
"""

import enum
import sys
from dataclasses import dataclass

from mqconsole import settings

from .postgres import LAUNCHER, Cluster
from .valkey import Cache


class Stage(enum.IntEnum):
    """When a process starts: as soon as every step of the stages before it has ended well."""

    STORES = 1
    PREPARE = 2
    DOORS = 3
    GREET = 4
    JOBS = 5


# Doors close first, so that nothing loses a server it still needs.
STOP_ORDER = ("demo", "web", "broker", "jobs", "beat", "greet", "prepare", "redis", "postgres")


@dataclass(frozen=True, slots=True)
class Process:
    """One program to run: a server that has to stay up, or a step that runs once (`is_step`).

    Of several alike, the second is named `web-2`.
    """

    name: str
    stage: Stage
    command: list[str]
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    is_step: bool = False

    @property
    def stop_order(self) -> int:
        """Returns the place in `STOP_ORDER`; the smallest is stopped first."""
        return STOP_ORDER.index(self.name.partition("-")[0])


def processes(*, parent: int) -> list[Process]:
    """Returns every process of the stack, in the order of its start; each ends with the process `parent`."""
    local = [Process("prepare", Stage.PREPARE, _python("-m", "mqconsole.local.prepare"), is_step=True)]
    web = _python("-m", "mqconsole.web")
    local.append(Process("web", Stage.DOORS, web))
    manage = str(settings.BASE_DIR / "manage.py")
    local.append(Process("broker", Stage.DOORS, _python(manage, "runbroker")))
    local.append(Process("greet", Stage.GREET, _python("-m", "mqconsole.local.greet"), is_step=True))
    # Celery warns of root because of pickled task arguments; ours are JSON.
    quiet = ("-W", "ignore:You're running the worker with superuser privileges")
    celery = (*quiet, "-m", "celery", "--app", "mqconsole", "--quiet")
    # Threads, because jobs wait for the database; one process is also one process to stop.
    worker = ("worker", "--pool", "threads", "--concurrency", "4", "--without-gossip", "--without-mingle")
    local.append(Process("jobs", Stage.JOBS, _python(*celery, *worker, "--loglevel", "warning")))
    timetable = ("beat", "--schedule", str(settings.DATA_DIR / "beat.db"), "--pidfile=", "--loglevel", "warning")
    local.append(Process("beat", Stage.JOBS, _python(*celery, *timetable)))
    # One is enough to be ready; the others share its port when they come.
    local += [Process(f"web-{number}", Stage.JOBS, [*web]) for number in range(2, settings.WEB_PROCESSES + 1)]
    if settings.DEMO:
        local.append(Process("demo", Stage.JOBS, _python(manage, "rundemo")))
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), "--parent", str(parent), "--"]
    for process in local:
        process.command[:0] = launcher
    return _stores(parent) + local


def cluster() -> Cluster:
    """Returns the embedded PostgreSQL of this installation, running or not."""
    return Cluster(data_dir=settings.DATA_DIR / "postgres", socket_dir=settings.RUN_DIR)


def cache() -> Cache:
    """Returns the embedded Redis of this installation, running or not."""
    return Cache(data_dir=settings.DATA_DIR / "redis", socket=settings.RUN_DIR / "redis.sock")


def ports() -> dict[str, int]:
    """Returns the ports the processes listen on, by the variable that sets each."""
    found = {"MQ_HTTP_PORT": settings.HTTP_PORT}
    if settings.REMOTING:
        found |= {"MQ_NAMESRV_PORT": settings.NAMESRV_PORT, "MQ_BROKER_PORT": settings.BROKER_PORT}
    return found


def own_host() -> str:
    """Returns the address at which a program on this machine reaches the doors."""
    return "127.0.0.1" if settings.BIND in {"0.0.0.0", "::", ""} else settings.BIND  # noqa: S104 # it is compared


def console_url() -> str:
    """Returns the address a browser on this machine opens."""
    host = own_host()
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.HTTP_PORT}/"


def _stores(parent: int) -> list[Process]:
    table = []
    if settings.EMBEDDED_POSTGRES:
        # SIGINT is PostgreSQL's fast shutdown: it ends open sessions and writes a checkpoint.
        command = cluster().command(parent=parent)
        table.append(Process("postgres", Stage.STORES, command, stop_signal="INT", stop_seconds=60))
    if settings.EMBEDDED_REDIS:
        table.append(Process("redis", Stage.STORES, cache().command(parent=parent), stop_seconds=30))
    return table


def _python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]
