"""`manage.py doctor`: checks the servers and the machine, and says what to do. Exits with 1 when something fails."""

import dataclasses
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from mqconsole import doctor


class Command(BaseCommand):
    help = "Checks the servers' settings and this machine, and says what to do."
    # The database may be what is ill.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = doctor.examine()
        if options["json"]:
            self.stdout.write(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
        else:
            self._print(findings)
        if any(finding.level is doctor.Level.FAIL for finding in findings):
            raise SystemExit(1)

    def _print(self, findings: list[doctor.Finding]) -> None:
        styles = {
            doctor.Level.OK: self.style.SUCCESS,
            doctor.Level.WARN: self.style.WARNING,
            doctor.Level.FAIL: self.style.ERROR,
        }
        for finding in findings:
            self.stdout.write(f"{styles[finding.level](f'{finding.level:4}')}  {finding.check:19} {finding.text}")
            if finding.advice:
                self.stdout.write(f"      {'':19} → {finding.advice}")
