"""The shop of `examples/orders`, run as its README says, against the whole product."""

import subprocess
import sys
from pathlib import Path

from tests import stack


def _run(server: stack.Running, folder: Path, program: str) -> str:
    """Runs one program of the example as somebody would type it, and returns what it printed."""
    command = [sys.executable, "-m", f"examples.orders.{program}"]
    command += ["--credentials", str(server.data_dir / "credentials.json"), "--folder", str(folder)]
    ended = subprocess.run(command, cwd=stack.PROJECT, capture_output=True, text=True, timeout=400, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_ten_thousand_orders_are_paid_in_order_and_every_mail_is_sent(server: stack.Running, tmp_path: Path) -> None:
    told = _run(server, tmp_path, "run")
    assert "10000 orders sent" in told
    assert "sent again, to be sure: 0 stored, 10000 recognised" in told
    assert "10000 paid, 9877 mails sent, 123 dead letters" in told
    assert "replay SUCCEEDED: 123 of 123 moved" in told
    assert "10000 paid, 10000 mails sent, 0 dead letters" in told
    assert "10000 orders paid, 10000 mails sent, 0 mails are dead letters" in _run(server, tmp_path, "check")
    assert "0 orders sent; 10000 had been sent before" in _run(server, tmp_path, "shop")
