"""Sockets get a short directory, the same one for every process."""

import shutil
from pathlib import Path

from mqconsole.places import LONGEST_DIRECTORY_BYTES, socket_directory


def test_short_data_directory_keeps_its_sockets(tmp_path: Path) -> None:
    data_dir = Path("/tmp/short")
    assert socket_directory(data_dir) == data_dir / "run"


def test_long_data_directory_gets_one_private_stand_in(tmp_path: Path) -> None:
    data_dir = tmp_path / ("x" * 100)
    chosen = socket_directory(data_dir)
    try:
        assert len(str(chosen)) <= LONGEST_DIRECTORY_BYTES
        assert chosen.stat().st_mode & 0o777 == 0o700
        assert socket_directory(data_dir) == chosen
    finally:
        shutil.rmtree(chosen)
    anew = socket_directory(data_dir)
    assert anew != chosen and anew.is_dir()
    anew.rmdir()


def test_stand_in_that_others_can_enter_is_not_used(tmp_path: Path) -> None:
    data_dir = tmp_path / ("x" * 100)
    chosen = socket_directory(data_dir)
    chosen.chmod(0o777)
    anew = socket_directory(data_dir)
    assert anew != chosen
    chosen.rmdir()
    anew.rmdir()
