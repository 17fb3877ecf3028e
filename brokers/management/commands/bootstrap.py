"""Makes the first account with its root user, access key and instance, and writes what was generated to one file."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts import keys, people, second_factors
from accounts.models import Account, User
from brokers.catalog import actions
from brokers.domain.actor import Actor
from brokers.models import CatalogVersion

ACCOUNT = "main"
INSTANCE = "default"
FILE_NAME = "credentials.json"
_PASSWORD_BYTES = 18


class Command(BaseCommand):
    help = "Creates the first account, access key and instance, once; what was generated is in credentials.json."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--new-password",
            action="store_true",
            help="give the first account's root user another password and write it to credentials.json",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's own signature
        """Prints where the file is, never what is in it.

        1. The file is written beside its place, readable by its owner alone. 2. The rows are committed. 3. The file is
        moved to its place. After a crash between 2 and 3 the next run finds the file beside its place and moves it.
        """
        path: Path = settings.DATA_DIR / FILE_NAME
        waiting = path.with_name(f"{FILE_NAME}.new")
        with transaction.atomic():
            CatalogVersion.objects.select_for_update().first()  # two at once wait for one another
            if not Account.objects.exists():
                _write(waiting, _first_account())
            elif options["new_password"]:
                _write(waiting, {**_read(path), **_new_password()})
            elif _is_of_this_database(waiting):
                pass
            elif path.exists():
                _write(waiting, {**_read(path), **_addresses()})
            else:
                self.stdout.write(
                    f"There is an account already and no {path}; nothing was changed."
                    " A lost password: manage.py bootstrap --new-password"
                )
                return
        waiting.replace(path)
        self.stdout.write(f"Sign-in and access key: {path}")


def _first_account() -> dict[str, Any]:
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    root = people.create_account(ACCOUNT, password=password)
    key, secret = keys.create(root, remark="made at the first start")
    actor = Actor(account_id=root.account_id, user_id=root.pk, name=root.login, is_root=True)
    instance = actions.create_instance(actor, name=INSTANCE, remark="made at the first start")
    return {
        **_addresses(),
        "account": ACCOUNT,
        "username": root.name,
        "password": password,
        "access_key_id": key.key_id,
        "access_key_secret": secret,
        "instance": instance.name,
    }


def _new_password() -> dict[str, str]:
    root = User.objects.select_related("account").filter(is_root=True).order_by("pk").first()
    if root is None:
        raise CommandError("There is no root user.")
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    with transaction.atomic():
        people.set_password(root, password, actor="manage.py bootstrap")
        # Whoever asks for this may have lost the phone with the password.
        second_factors.remove_all(root, actor="manage.py bootstrap")
    return {"account": root.account.name, "username": root.name, "password": password}


def _addresses() -> dict[str, Any]:
    return {
        "console_url": f"http://{settings.ADVERTISE_HOST}:{settings.HTTP_PORT}/",
        "ports": {"http": settings.HTTP_PORT, "namesrv": settings.NAMESRV_PORT, "broker": settings.BROKER_PORT},
    }


def _is_of_this_database(path: Path) -> bool:
    """Returns True if the file holds a password of a root user: a run before this one committed but did not move it."""
    if not path.exists():
        return False
    read = _read(path)
    login = people.login_of(str(read.get("account")), str(read.get("username")))
    root = User.objects.filter(login=login).first()
    return root is not None and root.check_password(str(read.get("password")))


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return _addresses()
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read ({error}). Move it away and run this again.") from error


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
