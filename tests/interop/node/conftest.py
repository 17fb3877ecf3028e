"""ali-ons, the RocketMQ client for Node, installed once, and programs run with it against the whole product."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.interop.conftest import BUILD_SECONDS, Launcher
from tests.interop.programs import Programs
from tests.stack import Running

PROJECT = Path(__file__).parent


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the programs with the client beside them."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no Node or no npm on this machine (on Debian: apt install npm)")
    place = tmp_path_factory.mktemp("node")
    for file in [*PROJECT.glob("*.js"), *PROJECT.glob("*.json")]:
        shutil.copy(file, place)
    command = ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.fixture
def node(installed: Path, server: Running, programs: Programs) -> Launcher:
    """Starts Node programs that find the product."""
    return Launcher(["node"], ".js", server, programs, installed)
