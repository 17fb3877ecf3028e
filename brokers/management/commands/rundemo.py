"""`manage.py rundemo`: sends and receives example messages until SIGINT or SIGTERM. `MQ_DEMO=1 make run` starts it."""

import json
import signal
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from brokers.management.demo import crew
from mqconsole.local import plan


class Command(BaseCommand):
    help = "Sends and receives example messages, failures included, so that there is something to see."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default=plan.console_url(), help="default: %(default)s")
        parser.add_argument("--credentials", type=Path, default=settings.DATA_DIR / "credentials.json")

    def handle(self, *args: Any, **options: Any) -> None:  # Any: as Django defines it
        try:
            credentials = json.loads(options["credentials"].read_text())
        except (OSError, ValueError) as error:
            raise CommandError(f"{options['credentials']} cannot be read: {error}") from error
        stop = threading.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda number, frame: stop.set())
        crew.run(options["url"], credentials, stop)
