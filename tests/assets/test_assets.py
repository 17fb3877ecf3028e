"""What `make assets` would build is what is committed."""

import filecmp
import shutil
import subprocess
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SOURCES = ("package.json", "package-lock.json", "templates", "static", "brokers")
QUIET = ("--silent", "--no-audit", "--no-fund", "--no-save")


def test_committed_assets_are_those_the_build_makes(tmp_path: Path) -> None:
    for name in SOURCES:
        source = PROJECT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    # The style sheet holds the classes that tracked files name; without this the search would leave nothing out.
    shutil.copy(PROJECT / ".gitignore", tmp_path / ".gitignore")
    built = [
        path
        for path in _files(tmp_path / "static")
        if path.suffix in {".css", ".svg", ".txt"} or "vendor" in path.parts
    ]
    for path in built:
        if path.name != "mark.svg":
            path.unlink()
    subprocess.run(["npm", "install", *QUIET], cwd=tmp_path, check=True, timeout=300)
    subprocess.run(["npm", "run", "--silent", "build"], cwd=tmp_path, check=True, timeout=120, capture_output=True)
    committed = {path.relative_to(PROJECT / "static") for path in _files(PROJECT / "static")}
    assert {path.relative_to(tmp_path / "static") for path in _files(tmp_path / "static")} == committed
    _, different, missing = filecmp.cmpfiles(
        PROJECT / "static", tmp_path / "static", [str(path) for path in committed], shallow=False
    )
    assert not different, f"run `make assets` and commit {', '.join(different)}"
    assert not missing


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
