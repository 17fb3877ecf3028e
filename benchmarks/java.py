"""RocketMQ's Java client as a load, and its servers as a peer, where a JDK and Maven are found."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from . import stack
from .remoting_client import frame

_POM = Path(__file__).parent / "java" / "pom.xml"
_LOAD = _POM.parent / "src/main/java/bench/Load.java"
_START_SECONDS = 90
_GET_ROUTE = 105


def why_not() -> str | None:
    """Returns why these cannot run here."""
    missing = [name for name in ("java", "mvn") if not shutil.which(name)]
    return f"no {' and no '.join(missing)} on this machine" if missing else None


def producer(namesrv: str, *, topic: str, threads: int, seconds: float) -> dict[str, float]:
    """Returns the synchronous sends a second of a Java producer: 1 KiB, so many threads on its one connection."""
    with tempfile.TemporaryDirectory(prefix="mq-bench-java-") as home:
        arguments = [namesrv, topic, str(threads), "1024", str(max(1, int(seconds)))]
        done = subprocess.run(
            [*_java(home, heap="512m"), "bench.Load", *arguments],
            capture_output=True, text=True, timeout=_START_SECONDS + seconds, check=False,
        )  # fmt: skip
    # The server's logging library talks on the same stream.
    said = re.search(r"^SENT (\S+) (\S+) (\d+)$", done.stdout, re.MULTILINE)
    if said is None or said[3] != "0":
        raise RuntimeError(f"Java's producer failed: {done.stdout[-300:]} {done.stderr[-600:]}")
    return {"per_second": float(said[1]), "mean_ms": float(said[2])}


@contextlib.contextmanager
def rocketmq() -> Iterator[str]:
    """Runs Apache RocketMQ with a disk that is written before it answers; gives the name server's address."""
    with tempfile.TemporaryDirectory(prefix="mq-bench-rocketmq-") as home, contextlib.ExitStack() as servers:
        namesrv, broker = stack.free_port(), stack.free_port()
        places = {"namesrv": f"listenPort={namesrv}\n", "broker": _broker(home, namesrv=namesrv, port=broker)}
        mains = {"namesrv": "namesrv.NamesrvStartup", "broker": "broker.BrokerStartup"}
        for name, text in places.items():
            file = Path(home, f"{name}.properties")
            file.write_text(text)
            log = servers.enter_context(Path(home, f"{name}.log").open("wb"))
            process = subprocess.Popen(
                [*_java(home, heap="1g"), f"org.apache.rocketmq.{mains[name]}", "-c", str(file)],
                env={**os.environ, "ROCKETMQ_HOME": home},
                stdout=log,
                stderr=log,
            )
            servers.callback(_stop, process)
            stack.wait_for_port(namesrv if name == "namesrv" else broker, seconds=_START_SECONDS)
        _wait_for_broker(namesrv)
        yield f"127.0.0.1:{namesrv}"


def _wait_for_broker(namesrv: int) -> None:
    """Returns once the broker has told the name server where it is: both listen before that."""
    request = frame(_GET_ROUTE, {"topic": "TBW102"})
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with socket.create_connection(("127.0.0.1", namesrv), timeout=_START_SECONDS) as asking:
            asking.sendall(request)
            answer = asking.makefile("rb").read(20)
        if b'{"code":0,' in answer:
            return
        time.sleep(0.1)
    raise RuntimeError("Apache RocketMQ's broker did not register with its name server")


def _broker(home: str, *, namesrv: int, port: int) -> str:
    settings = {
        "brokerClusterName": "DefaultCluster",
        "brokerName": "bench",
        "brokerId": 0,
        "brokerIP1": "127.0.0.1",
        "namesrvAddr": f"127.0.0.1:{namesrv}",
        "listenPort": port,
        "storePathRootDir": f"{home}/store",
        "storePathCommitLog": f"{home}/store/commitlog",
        "flushDiskType": "SYNC_FLUSH",
        "autoCreateTopicEnable": "true",
        "mappedFileSizeCommitLog": 256 * 1024 * 1024,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _java(home: str, *, heap: str) -> list[str]:
    jars = _libraries()
    places = [f"-Duser.home={home}", f"-Drocketmq.client.logRoot={home}"]
    opened = ["--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED"]
    opened += ["--add-exports=java.base/sun.nio.ch=ALL-UNNAMED"]
    return ["java", *places, *opened, f"-Xms{heap}", f"-Xmx{heap}", "-cp", f"{jars}/classes{os.pathsep}{jars}/lib/*"]


def _libraries() -> Path:
    """Returns a folder with the load and the jars of RocketMQ's client and servers, built by Maven once a machine."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = cache / "mqconsole-bench" / str(_LOAD.stat().st_mtime_ns)
    if not (place / "complete").exists():
        command = ["mvn", "--quiet", "--batch-mode", "-f", str(_POM), f"-Dbuild.place={place}"]
        subprocess.run(
            [*command, f"-DoutputDirectory={place}/lib", "compile", "dependency:copy-dependencies"], check=True
        )
        (place / "complete").touch()
    return place


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
