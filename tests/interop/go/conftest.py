"""RocketMQ's own Go client, built once, and programs run with it against the whole product."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.interop.conftest import BUILD_SECONDS, Launcher
from tests.interop.programs import Programs
from tests.stack import Running

PROJECT = Path(__file__).parent


@pytest.fixture(scope="session")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built programs: `interop`, and `hello` of the documentation."""
    if not shutil.which("go"):
        pytest.skip("no Go on this machine (on Debian: apt install golang-go)")
    place = tmp_path_factory.mktemp("go")
    command = ["go", "build", "-mod=readonly", "-buildvcs=false", "-o", f"{place}/", "./..."]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def go(binaries: Path, server: Running, programs: Programs) -> Launcher:
    """Starts Go programs that find the product."""
    return Launcher([str(binaries / "interop")], "", server, programs)
