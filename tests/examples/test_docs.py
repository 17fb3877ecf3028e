"""What the documents tell people to type works: blocks marked `run` are run, in order, against the whole product."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import stack

BLOCK = re.compile(r"^```(?P<language>sh|python) run\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
TITLE = re.compile(r"^#+ (.+)$", re.MULTILINE)
ADDRESS = "http://127.0.0.1:8000"


def _script(document: str, url: str, folder: Path) -> str:
    """Returns one bash program of all marked blocks. Python blocks of a document are one program that grows: each run
    shows what its last block prints, and what the blocks before defined is there without being done again."""
    lines = ["set -euo pipefail"]
    defined = ""
    for number, block in enumerate(BLOCK.finditer(document)):
        text = block["text"].replace(ADDRESS, url)
        lines.append(f"echo '--- block {number}' >&2")
        if block["language"] == "sh":
            lines.append(text)
            continue
        program = folder / f"block-{number}.py"
        program.write_text(defined + text)
        lines.append(f"python3 {program.name}")
        defined = defined or text.partition("\n\n\nmq(")[0] + "\n\n\n"
    return "\n".join(lines)


@pytest.mark.parametrize("name", ["quickstart.md", "http.md", "zh/quickstart.md"])
def test_documented_commands_work(server: stack.Running, tmp_path: Path, name: str) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "credentials.json").write_text((server.data_dir / "credentials.json").read_text())
    _start_afresh(server, tmp_path)
    script = _script((stack.PROJECT / "docs" / name).read_text(), server.url, tmp_path)
    assert script.count("--- block") >= 5
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ended = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    if name.endswith("quickstart.md"):
        assert "attempt 1 failed\nattempt 2 failed" in ended.stdout
        replayed = ended.stdout.strip().splitlines()[-1]
        assert '"body":"poison"' in replayed and '"attempt":1' in replayed


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for path in [
        *stack.PROJECT.glob("*.md"),
        *stack.PROJECT.glob("docs/**/*.md"),
        *stack.PROJECT.glob("examples/**/*.md"),
    ]:
        for link in LINK.findall(path.read_text()):
            target, _, anchor = link.partition("#")
            if "://" in target:
                continue
            there = (path.parent / target) if target else path
            if not there.exists():
                broken.append(f"{path.relative_to(stack.PROJECT)}: {link}")
            elif anchor and anchor not in {_anchor(title) for title in TITLE.findall(there.read_text())}:
                broken.append(f"{path.relative_to(stack.PROJECT)}: {link} has no such title")
    assert not broken, "\n".join(broken)


def _anchor(title: str) -> str:
    """Returns the name a title gets in a link."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _start_afresh(server: stack.Running, folder: Path) -> None:
    """Deletes the topics and groups a document makes, so that each one starts as on a new machine."""
    key = f"{server.credentials['access_key_id']}:{server.credentials['access_key_secret']}"
    for kind, names in (("groups", ["workers", "doers", "walkers"]), ("topics", ["hello", "jobs", "steps", "alarms"])):
        for name in names:
            address = f"{server.url}/api/v1/instances/default/{kind}/{name}?force=true"
            command = ["curl", "-sS", "--noproxy", "*", "-u", key, "-X", "DELETE", address]
            subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=180)
