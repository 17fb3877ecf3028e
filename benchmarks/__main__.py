"""`python -m benchmarks` (`make bench`): runs every measurement once and writes a table and a JSON file."""

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import java, peers, preload, rabbitmq, remoting, report, stack

_RESULTS = Path(__file__).parent / "results"
_TOPIC = "/api/v1/instances/default/topics/bench/messages"
_BODY = json.dumps({"body": "x" * 1024, "tag": "a"})
_BATCH = json.dumps({"messages": [{"body": "x" * 1024, "tag": "a"}] * 100})

Figures = dict[str, dict[str, float]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--seconds", type=float, default=5, help="length of one measurement")
    parser.add_argument("--backlog", type=int, default=2_000_000, help="messages waiting in the last measurement")
    parser.add_argument("--rounds", type=int, default=3, help="repeats; the median counts")
    parser.add_argument("--only", choices=("http", "remoting"), help="measure one door instead of both")
    options = parser.parse_args()
    with stack.running() as running:
        figures = _measure(running, options)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform(terse=True)}
    for name, reason in _left_out(options).items():
        print(f"left out: {name}: {reason}", file=sys.stderr)
    _RESULTS.mkdir(exist_ok=True)
    name = options.only or "latest"
    (_RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine, "figures": figures}, indent=1) + "\n")
    table = report.table(machine, figures)
    (_RESULTS / f"{name}.md").write_text(table)
    print(table)


def _measure(running: stack.Stack, options: argparse.Namespace) -> Figures:
    running.call("POST", "/api/v1/instances/default/topics", {"name": "bench", "type": "NORMAL"})
    for group in ("bench-drain", "bench-live"):
        running.call("POST", "/api/v1/instances/default/groups", {"name": group})
    running.call("POST", "/api/v1/instances/default/topics", {"name": "live", "type": "NORMAL"})
    figures: Figures = {}
    script = peers.pgmq_script()
    pgmq = peers.Pgmq(running.database_url, script) if script else None
    rounds: list[Figures] = []
    if options.only != "http":
        remoting.prepare(running)
    with contextlib.ExitStack() as others:
        rabbit = None if options.only == "http" or rabbitmq.why_not() else others.enter_context(rabbitmq.running())
        for number in range(options.rounds):
            _say(f"round {number + 1} of {options.rounds}")
            found = _round(running, pgmq, options=options)
            if options.only != "http":
                found |= remoting.once_a_round(running, number, seconds=options.seconds)
            if rabbit is not None:
                running.rest()
                found["rabbitmq_quorum"] = rabbit.send(connections=64, seconds=options.seconds)
            rounds.append(found)
    for name in rounds[0]:
        figures[name] = {unit: statistics.median(one[name][unit] for one in rounds) for unit in rounds[0][name]}
    if options.only != "http" and not java.why_not():
        _say("a Java producer, here and at Apache RocketMQ")
        running.rest()
        figures["remoting_java"] = java.producer(
            f"127.0.0.1:{running.namesrv_port}", topic="remoting-java", threads=64, seconds=options.seconds
        )
        with java.rocketmq() as namesrv:
            running.rest()
            figures["rocketmq_sync_flush"] = java.producer(
                namesrv, topic="BenchmarkTest", threads=64, seconds=options.seconds
            )
    if options.only == "remoting":
        return figures
    _say("receive(32) and acknowledge")
    running.rest()
    figures["receive_ack"] = _client(running, kind="drain", connections=16, max=32)
    _say(f"{options.backlog} messages waiting")
    preload.fill(running, options.backlog)
    figures["send_unary_backlog"] = _client(running, kind="unary", body=_BODY, connections=64, seconds=options.seconds)
    return figures


def _left_out(options: argparse.Namespace) -> dict[str, str]:
    """Returns why peers and loads are missing in the table."""
    reasons = {"pgmq": None if peers.pgmq_script() else "MQ_BENCH_PGMQ_SQL names no script"}
    if options.only != "http":
        reasons |= {"RabbitMQ": rabbitmq.why_not(), "Java's producer and RocketMQ": java.why_not()}
    return {name: reason for name, reason in reasons.items() if reason}


def _round(running: stack.Stack, pgmq: peers.Pgmq | None, *, options: argparse.Namespace) -> Figures:
    found: Figures = {}
    seconds = options.seconds
    running.rest()
    if options.only == "remoting":
        return {"pgmq_send_unary": {"per_second": pgmq.send_unary(clients=64, seconds=seconds)}} if pgmq else {}
    found["end_to_end"] = _client(
        running, kind="end_to_end", topic="live", group="bench-live", connections=64, consumers=8, rate=1000,
        seconds=seconds,
    )  # fmt: skip
    found["copy_ceiling"] = {"per_second": peers.copy_ceiling(running.database_url, seconds=seconds)}
    found["echo"] = _echo(seconds)
    running.rest()
    found["send_unary"] = _client(running, kind="unary", body=_BODY, connections=64, seconds=seconds)
    if pgmq:
        running.rest()
        found["pgmq_send_unary"] = {"per_second": pgmq.send_unary(clients=64, seconds=seconds)}
    running.rest()
    found["send_batch"] = _client(
        running, kind="unary", body=_BATCH, connections=16, seconds=seconds, suffix=":batch", messages=100
    )
    if pgmq:
        running.rest()
        found["pgmq_send_batch"] = {"per_second": pgmq.send_batches(clients=4, seconds=seconds)}
        running.rest()
        found["pgmq_read_delete"] = {"per_second": pgmq.read_and_delete(clients=16, seconds=seconds)}
    return found


def _client(running: stack.Stack, **plan: Any) -> dict[str, float]:  # Any: JSON values
    topic, group = plan.setdefault("topic", "bench"), plan.pop("group", "bench-drain")
    plan["path"] = _TOPIC.replace("bench", topic) + plan.pop("suffix", "")
    plan["group_path"] = f"/api/v1/instances/default/groups/{group}/messages"
    plan |= {"port": running.port, "authorization": running.authorization}
    return _run_client(plan)


def _echo(seconds: float) -> dict[str, float]:
    port = stack.free_port()
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "uvicorn",
            "benchmarks.echo:application",
            "--port",
            str(port),
            "--loop",
            "uvloop",
            "--http",
            "httptools",
            "--no-access-log",
            "--log-level",
            "error",
        ],
        cwd=stack.PROJECT,
    )
    try:
        stack.wait_for_port(port)
        plan = {"kind": "unary", "body": _BODY, "connections": 64, "seconds": seconds, "port": port, "path": "/"}
        return _run_client({**plan, "authorization": "none"})
    finally:
        server.terminate()
        server.wait(timeout=10)


def _run_client(plan: dict[str, Any]) -> dict[str, float]:  # Any: JSON values
    outcome = subprocess.run(
        [sys.executable, "-m", "benchmarks.client"],
        input=json.dumps(plan), capture_output=True, text=True, cwd=stack.PROJECT, timeout=1800, check=False,
    )  # fmt: skip
    if outcome.returncode:
        raise RuntimeError(f"{plan['kind']} failed: {outcome.stderr[-600:]}")
    figures: dict[str, float] = json.loads(outcome.stdout)
    return figures


def _say(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
