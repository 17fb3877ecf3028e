"""`make run` seen from outside: what starts, what survives, what is left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from mqconsole import settings
from mqconsole.local.prepare import connection_options
from tests import stack


def test_database_is_durable(database: None) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() == ("on",), name


def test_everything_starts_and_credentials_are_private(server: stack.Running) -> None:
    stack.wait_until(lambda: "beat" in server.pids(), what="the last process to start")
    assert set(server.pids()) == {"supervisor", "postgres", "redis", "web", "broker", "jobs", "beat"}
    path = server.data_dir / "credentials.json"
    assert path.stat().st_mode & 0o777 == 0o600
    expected = {"console_url", "username", "password", "access_key_id", "access_key_secret", "instance", "ports"}
    assert expected <= set(json.loads(path.read_text()))


def test_stores_listen_on_sockets_only(server: stack.Running) -> None:
    for name in ("postgres", "redis"):
        assert psutil.Process(server.pids()[name]).net_connections("inet") == []
    assert (server.data_dir / "run").stat().st_mode & 0o077 == 0


def test_no_process_has_a_secret_among_its_arguments(server: stack.Running) -> None:
    keys = [server.data_dir / name for name in ("secret.key", "master.key")]
    secrets = [key.read_text().strip() for key in keys if key.exists()]
    secrets += [server.credentials["password"], server.credentials["access_key_secret"]]
    family = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]
    assert len(family) > 6
    for process in family:
        line = " ".join(process.cmdline())
        assert not any(secret in line for secret in secrets), line


def test_password_is_shown_once_and_logged_nowhere(own_server: stack.Running) -> None:
    password = own_server.credentials["password"]
    stack.wait_until(lambda: "mqconsole is ready" in own_server.output.read_text(), what="the greeting")
    assert own_server.output.read_text().count(password) == 1
    for log in (own_server.data_dir / "log").iterdir():
        assert password not in log.read_text(errors="replace"), log
    assert own_server.stop() == 0
    again = stack.start(own_server.data_dir, environment={})
    again.wait_ready()
    stack.wait_until(lambda: own_server.output.read_text().count("mqconsole is ready") == 2, what="the second greeting")
    assert again.output.read_text().count(password) == 1
    assert json.loads((own_server.data_dir / "credentials.json").read_text())["password"] == password
    assert again.stop(signal.SIGTERM) == 0


@pytest.mark.parametrize("name", ["web", "redis", "postgres"])
def test_killed_process_comes_back(own_server: stack.Running, name: str) -> None:
    own_server.wait_restarted(name, old=own_server.kill(name))


def test_several_web_processes_share_one_port_and_their_metrics() -> None:
    with stack.running(MQ_WEB_PROCESSES="2") as product:
        stack.wait_until(lambda: len(listeners(product)) == 2, what="both to listen")
        assert {"web", "web-2"} < set(product.pids())
        key = product.credentials["access_key_id"], product.credentials["access_key_secret"]
        api = f"{product.url}/api/v1/instances/default/topics"
        httpx.post(api, json={"name": "shared"}, auth=key, trust_env=False, timeout=60).raise_for_status()
        for number in range(40):  # each over a connection of its own
            httpx.post(
                f"{api}/shared/messages", json={"body": f"{number}"}, auth=key, trust_env=False, timeout=60
            ).raise_for_status()
        lines = httpx.get(f"{product.url}/metrics", trust_env=False, timeout=60).text.splitlines()
        assert "mqconsole_commit_messages_sum 40.0" in lines
        # One of them goes, the other serves on.
        old = product.kill("web")
        stack.wait_until(
            lambda: listeners(product) != {old} and old not in listeners(product), what="the dead to be gone"
        )
        httpx.get(f"{product.url}/readyz", trust_env=False, timeout=60).raise_for_status()
        product.wait_restarted("web", old=old)


def listeners(product: stack.Running) -> set[int | None]:
    """Returns the processes that listen on the HTTP port."""
    port = product.ports["MQ_HTTP_PORT"]
    every = psutil.net_connections("tcp")
    return {one.pid for one in every if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port}


def test_nothing_outlives_a_killed_supervisor(own_server: stack.Running) -> None:
    stack.wait_until(lambda: "beat" in own_server.pids(), what="the last process to start")
    family = psutil.Process(own_server.process.pid).children(recursive=True)
    own_server.process.kill()
    own_server.process.wait()
    _, left = psutil.wait_procs(family, timeout=120)
    assert left == []


def test_start_right_after_a_killed_supervisor_finds_all_data(own_server: stack.Running) -> None:
    own_server.process.kill()
    own_server.process.wait()
    again = stack.start(own_server.data_dir, environment={})
    again.wait_ready()
    assert json.loads((own_server.data_dir / "credentials.json").read_text()) == own_server.credentials
    assert again.stop() == 0


def test_long_data_directory_is_no_obstacle(tmp_path: Path) -> None:
    product = stack.start(tmp_path / ("long-name-" * 12), environment={})
    product.wait_ready()
    assert product.stop() == 0
    shutil.rmtree((product.data_dir / "run-directory").read_text())


def test_servers_of_your_own_are_used_and_none_is_embedded(servers: None) -> None:
    with psycopg.connect(**connection_options()) as connection:
        connection.execute("CREATE DATABASE own_server WITH OWNER postgres")
    url = f"postgresql://postgres@/own_server?host={settings.RUN_DIR}"
    with stack.running(MQ_DATABASE_URL=url, MQ_REDIS_URL=f"{settings.REDIS_URL}?db=9") as product:
        stack.wait_until(lambda: "beat" in product.pids(), what="the last process to start")
        assert set(product.pids()) == {"supervisor", "web", "broker", "jobs", "beat"}
        assert not (product.data_dir / "postgres").exists() and not (product.data_dir / "redis").exists()


def test_process_that_cannot_be_started_ends_everything(tmp_path: Path) -> None:
    script = f"""
import os, sys
from pathlib import Path
from mqconsole.local import supervision
from mqconsole.local.lines import Terminal
from mqconsole.local.plan import Process, Stage

supervision.START_ATTEMPTS = 1
table = [Process("redis", Stage.STORES, ["/bin/sleep", "1000"]), Process("web", Stage.DOORS, ["/bin/false"])]
terminal = Terminal(sys.stdout.buffer, names=["redis", "web"])
place = Path({str(tmp_path)!r})
good = supervision.supervise(table, run_dir=place, log_dir=place / "log", terminal=terminal, greet=lambda: None)
sys.exit(0 if good else 1)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=stack.PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert "web ended at once; trying again in 1 s" in done.stdout
    assert "web cannot be started; stopping everything" in done.stdout


def test_second_start_on_the_same_data_says_who_runs(server: stack.Running) -> None:
    refused = _run(MQ_DATA_DIR=str(server.data_dir), MQ_HTTP_PORT=str(stack.free_port()))
    assert refused.returncode == 2
    assert f"already running with the data in {server.data_dir}: process {server.process.pid}" in refused.stderr
    assert server.url in refused.stderr


def test_taken_port_is_named_with_its_variable(server: stack.Running, tmp_path: Path) -> None:
    port = server.ports["MQ_HTTP_PORT"]
    refused = _run(MQ_DATA_DIR=str(tmp_path), MQ_HTTP_PORT=str(port))
    assert refused.returncode == 2
    assert f"port {port} on 127.0.0.1 cannot be used" in refused.stderr
    assert f"MQ_HTTP_PORT={port + 1} make run" in refused.stderr


def test_bad_setting_is_named(tmp_path: Path) -> None:
    refused = _run(MQ_DATA_DIR=str(tmp_path), MQ_HTTP_PORT="eighty")
    assert refused.returncode == 2
    assert refused.stderr == "MQ_HTTP_PORT='eighty': use a whole number\n"


def _run(**environment: str) -> "subprocess.CompletedProcess[str]":
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MQ_", "DJANGO_"))}
    command = [sys.executable, "-m", "mqconsole.local"]
    return subprocess.run(
        command,
        cwd=stack.PROJECT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
