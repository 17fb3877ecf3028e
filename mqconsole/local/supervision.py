"""Watches the processes of the stack: starts them stage by stage, restarts what crashes, stops all in order.

Owns: the bridge to the `supervisor` library, which does the forking, restarting with back-off and stopping.
Must not know: what the processes do.
Called by: `mqconsole.local.__main__`, in the main thread of a process that does nothing else.

Everything happens in supervisor's own single-threaded loop, through the events it publishes inside the process.
"""

import configparser
import json
import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from supervisor import events, supervisord
from supervisor.medusa import asyncore_25
from supervisor.options import ServerOptions
from supervisor.poller import Poller
from supervisor.states import ProcessStates, SupervisorStates

from .lines import Terminal
from .plan import STOP_ORDER, Process, Stage

# A process that lives this long has started; one that ends sooner is tried again after 1, 2, 3… seconds.
STARTED_SECONDS = 2
START_ATTEMPTS = 5
LOG_BYTES = "10MB"
LOG_COUNT = 3
ALIVE = {ProcessStates.STARTING, ProcessStates.RUNNING, ProcessStates.STOPPING}


def supervise(
    table: list[Process], *, run_dir: Path, log_dir: Path, terminal: Terminal, greet: Callable[[], None]
) -> bool:
    """Runs the processes until a signal (SIGINT, SIGTERM, SIGHUP) or a process that cannot be kept up; then stops all.

    `greet` is called once, when the last step of the stage GREET has ended well.

    *Returns* False when a process could not be started or a step failed.
    *Effects*: writes `pids.json` (name to process number) to `run_dir` whenever a process starts or ends.
    """
    config = run_dir / "supervisord.conf"
    _write_config(table, config, log_dir)
    options = ServerOptions()
    options.realize(["-n", "-c", str(config)], doc=supervisord.__doc__)
    options.first, options.test = True, False
    watch = _Watch(table, pids_file=run_dir / "pids.json", terminal=terminal, greet=greet)
    overseer = _Overseer(options, watch)
    options.poller = _EagerPoller(options, watch)
    try:
        overseer.main()
    except asyncore_25.ExitNow:  # supervisor's way to say that every process has ended
        pass
    finally:
        watch.pids_file.unlink(missing_ok=True)
    return not watch.has_failed


class _Watch:
    """Reacts to what supervisor reports: moves on to the next stage, tells the terminal, gives up."""

    def __init__(self, table: list[Process], *, pids_file: Path, terminal: Terminal, greet: Callable[[], None]) -> None:
        self.pids_file = pids_file
        self.has_failed = False
        self._table = {process.name: process for process in table}
        self._terminal = terminal
        self._greet = greet
        self._stage = Stage.STORES
        self._waiting_for: set[str] = set()
        self._noted_pids: dict[str, int] = {}
        self._supervisor: Any = None  # the library has no types

    def begin(self, supervisor: Any) -> None:
        """Subscribes to supervisor's events and starts the first stage."""
        self._supervisor = supervisor
        events.subscribe(events.ProcessLogEvent, self._on_output)
        events.subscribe(events.ProcessStateExitedEvent, self._on_exit)
        events.subscribe(events.ProcessStateBackoffEvent, self._on_backoff)
        events.subscribe(events.ProcessStateFatalEvent, self._on_fatal)
        self._start_stage(Stage.STORES)

    def is_settled(self) -> bool:
        """Returns whether every stage has started and nothing is being stopped."""
        return self._stage is max(Stage) and self._supervisor.options.mood == SupervisorStates.RUNNING

    def note_pids(self) -> None:
        """Writes the numbers of the processes to their file if one has changed since the last time."""
        pids = {"supervisor": os.getpid()}
        for name in self._table:
            process = self._find(name)
            if process.pid and process.get_state() in ALIVE:
                pids[name] = process.pid
        if pids == self._noted_pids:
            return
        fresh = self.pids_file.with_suffix(".new")
        fresh.write_text(json.dumps(pids))
        fresh.replace(self.pids_file)
        self._noted_pids = pids

    def _start_stage(self, stage: Stage) -> None:
        self._stage = stage
        members = [process for process in self._table.values() if process.stage is stage]
        self._waiting_for = {process.name for process in members if process.is_step}
        for process in members:
            self._find(process.name).spawn()
        if not self._waiting_for and stage is not max(Stage):
            self._start_stage(Stage(stage + 1))

    def _on_output(self, event: Any) -> None:
        self._terminal.write(event.process.config.name, event.data)

    def _on_exit(self, event: Any) -> None:
        name, status = event.process.config.name, event.process.exitstatus
        if not self._table[name].is_step:
            self._terminal.say(f"{name} ended ({_describe(status)}); starting it again")
        elif status != 0:
            self._give_up(f"{name} failed ({_describe(status)})")
        elif self._supervisor.options.mood == SupervisorStates.RUNNING:
            self._finish_step(name)

    def _finish_step(self, name: str) -> None:
        self._waiting_for.discard(name)
        if self._waiting_for:
            return
        if self._stage is Stage.GREET:
            self._greet()
        if self._stage is not max(Stage):
            self._start_stage(Stage(self._stage + 1))

    def _on_backoff(self, event: Any) -> None:
        self._terminal.say(f"{event.process.config.name} ended at once; trying again in {event.process.backoff} s")

    def _on_fatal(self, event: Any) -> None:
        self._give_up(f"{event.process.config.name} cannot be started")

    def _give_up(self, reason: str) -> None:
        self.has_failed = True
        self._terminal.say(f"{reason}; stopping everything")
        self._supervisor.options.mood = SupervisorStates.SHUTDOWN

    def _find(self, name: str) -> Any:
        return self._supervisor.process_groups[name].processes[name]


class _Overseer(supervisord.Supervisor):  # type: ignore[misc] # the library has no types
    """Supervisor's loop, with our watch subscribed before the first turn."""

    def __init__(self, options: Any, watch: _Watch) -> None:
        super().__init__(options)
        self._watch = watch
        # `nohup` was there first; supervisor's own handlers would undo it.
        self._survives_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

    def runforever(self) -> None:
        if self._survives_terminal:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._watch.begin(self)
        super().runforever()

    def handle_signal(self) -> None:
        super().handle_signal()
        if self.options.mood == SupervisorStates.RESTARTING:  # SIGHUP: the terminal was closed
            self.options.mood = SupervisorStates.SHUTDOWN


class _EagerPoller(Poller):  # type: ignore[misc] # the library has no types
    """Looks for ended children often while something starts or stops.

    Supervisor waits up to a second for output between two looks, which six stages in a row would all pay for.
    """

    EAGER_SECONDS = 0.02

    def __init__(self, options: Any, watch: _Watch) -> None:
        super().__init__(options)
        self._watch = watch

    def poll(self, timeout: float) -> Any:
        self._watch.note_pids()
        return super().poll(timeout if self._watch.is_settled() else self.EAGER_SECONDS)


def _write_config(table: list[Process], path: Path, log_dir: Path) -> None:
    log_dir.mkdir(exist_ok=True)
    config = configparser.RawConfigParser()
    config["supervisord"] = {
        "nodaemon": "true",
        "silent": "true",
        "nocleanup": "true",
        "logfile": _escape(str(log_dir / "supervisor.log")),
        "pidfile": _escape(str(path.parent / "supervisor.pid")),
        "minfds": "256",
        "minprocs": "1",
    }
    if os.geteuid() == 0:
        config["supervisord"]["user"] = "root"  # said aloud: supervisor warns otherwise
    for process in table:
        config[f"program:{process.name}"] = _program(process, log_dir)
    with path.open("w") as file:
        config.write(file)


def _program(process: Process, log_dir: Path) -> dict[str, str]:
    return {
        "command": _escape(shlex.join(process.command)),
        "priority": str(len(STOP_ORDER) - process.stop_order),
        "autostart": "false",
        "autorestart": "false" if process.is_step else "true",
        "startsecs": "0" if process.is_step else str(STARTED_SECONDS),
        "startretries": str(START_ATTEMPTS),
        "exitcodes": "0",
        "stopsignal": process.stop_signal,
        "stopwaitsecs": str(process.stop_seconds),
        # What a program leaves behind when it has to be killed goes with it.
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_events_enabled": "true",
        "stdout_logfile": _escape(str(log_dir / f"{process.name}.log")),
        "stdout_logfile_maxbytes": LOG_BYTES,
        "stdout_logfile_backups": str(LOG_COUNT),
    }


def _escape(text: str) -> str:
    """Returns `text` as supervisor's configuration wants it: percent signs are its variables, ` ;` its comments."""
    return text.replace("%", "%%").replace(" ;", "\\ ;")


def _describe(status: int | None) -> str:
    if status is None or status == -1:  # supervisor's word for a signal
        return "by a signal"
    return f"exit code {status}"
