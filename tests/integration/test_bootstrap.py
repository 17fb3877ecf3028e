"""The first account and the file that tells of it."""

import io
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts import key_cache, people, volatile
from accounts.models import AccessKey, Account, User
from brokers.management.commands import bootstrap
from brokers.models import Instance
from tests.integration.identity.entering import give_app


@pytest.fixture
def data_dir(database: None, settings: Any, tmp_path: Path) -> Iterator[Path]:
    settings.DATA_DIR = tmp_path
    key_cache.forget()
    volatile.forget()
    yield tmp_path
    assert not (tmp_path / "credentials.json.new").exists()


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("bootstrap", *arguments, stdout=output)
    return output.getvalue()


def credentials(data_dir: Path) -> dict[str, Any]:
    return dict(json.loads((data_dir / "credentials.json").read_text()))


def test_the_first_run_makes_what_a_newcomer_needs_and_says_no_secret(data_dir: Path) -> None:
    printed = run()
    made = credentials(data_dir)
    assert stat.S_IMODE((data_dir / "credentials.json").stat().st_mode) == 0o600
    assert made["password"] not in printed
    assert made["access_key_secret"] not in printed
    assert made["console_url"].startswith("http://")
    user = people.sign_in(made["account"], made["username"], made["password"], source_ip="127.0.0.1")
    assert user.is_root
    entry = key_cache.lookup(made["access_key_id"])
    assert entry is not None
    assert entry.secret.decode() == made["access_key_secret"]
    assert Instance.objects.get().name == made["instance"] == "default"


def test_another_run_changes_nothing_but_addresses(data_dir: Path, settings: Any) -> None:
    run()
    first = credentials(data_dir)
    settings.HTTP_PORT = 8123
    run()
    ports = {**first["ports"], "http": 8123}
    assert credentials(data_dir) == {**first, "console_url": "http://127.0.0.1:8123/", "ports": ports}
    assert Account.objects.count() == User.objects.count() == AccessKey.objects.count() == 1


def test_new_password_opens_the_account_of_somebody_who_lost_everything(data_dir: Path) -> None:
    run()
    root = User.objects.get()
    give_app(root)
    run("--new-password")
    made = credentials(data_dir)
    assert people.sign_in(made["account"], made["username"], made["password"], source_ip="127.0.0.1") == root
    assert not root.second_factors.exists()


def test_a_crash_after_the_commit_loses_no_password(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", crash)
        run()
    assert not (data_dir / "credentials.json").exists()
    run()
    made = credentials(data_dir)
    assert User.objects.get().check_password(made["password"])


def test_a_crash_before_the_commit_leaves_nothing_that_matters(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = bootstrap._write

    def crash(path: Path, content: dict[str, Any]) -> None:
        write(path, content)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(bootstrap, "_write", crash)
        run()
    assert not Account.objects.exists()
    run()
    assert User.objects.get().check_password(credentials(data_dir)["password"])


def test_a_lost_file_is_not_made_up_and_a_lost_password_can_be_replaced(data_dir: Path) -> None:
    run()
    (data_dir / "credentials.json").unlink()
    assert "--new-password" in run()
    assert not (data_dir / "credentials.json").exists()
    run("--new-password")
    made = credentials(data_dir)
    assert User.objects.get().check_password(made["password"])
    assert "access_key_secret" not in made


def test_a_file_nobody_can_read_is_left_alone(data_dir: Path) -> None:
    run()
    (data_dir / "credentials.json").write_text("not JSON")
    with pytest.raises(CommandError):
        run()
    assert (data_dir / "credentials.json").read_text() == "not JSON"
