"""`manage.py verify_audit`: is the audit what was written?"""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import audit_checkpoints, audit_proof
from accounts.models import Account


class Command(BaseCommand):
    help = (
        "Examines every account's audit chain: changed, missing, moved and cut off entries, against itself and against"
        " the signed checkpoints outside the database. Ends with 1 if anything is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("accounts", nargs="*", help="names of accounts; all of them if none is named")
        parser.add_argument("--json", action="store_true", help="one JSON object an account")
        parser.add_argument(
            "--public-key", action="store_true", help="show the key checkpoints are checked with, and end"
        )

    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's own
        if options["public_key"]:
            self.stdout.write(audit_checkpoints.public_key())
            return
        rows = Account.objects.order_by("pk")
        if options["accounts"]:
            rows = rows.filter(name__in=options["accounts"])
        known = {account.name for account in rows}
        if missing := sorted(set(options["accounts"]) - known):
            raise CommandError(f"There is no account {missing[0]!r}.")
        findings = [(account.name, audit_proof.verify(account.pk)) for account in rows]
        for name, found in findings:
            self.stdout.write(json.dumps({"account": name, **asdict(found)}) if options["json"] else told(name, found))
        if any(found.problems for _, found in findings):
            raise CommandError("The audit is not what was written.", returncode=1)


def told(name: str, found: audit_proof.Finding) -> str:
    """Returns what was found in words."""
    if not found.count and not found.problems:
        return f"{name}: nothing was written yet."
    covered = f"a signed checkpoint covers 1 to {found.checkpoint}" if found.checkpoint else "no checkpoint yet"
    begins = f"{found.count} entries, {found.first} to {found.last}; {covered}"
    if not found.problems:
        return f"{name}: all is as it was written: {begins}."
    return "\n".join([f"{name}: {begins}.", *(f"  WRONG: {problem}" for problem in found.problems)])
