"""`manage.py after_restore`: run once after a backup was restored, before anything else (docs/operations.md)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from brokers.domain.errors import BrokerError
from brokers.engine import restoration


class Command(BaseCommand):
    help = "After a restore: lets every queue go on at offsets nobody has seen, and makes old receipts stale."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--offsets",
            type=int,
            default=restoration.DEFAULT_OFFSET_COUNT,
            help="more than any queue can have given out after the backup; default: %(default)s",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # Any: as Django defines it
        try:
            done = restoration.after_restore(options["offsets"])
        except BrokerError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(
            f"{done.queue_count} queues go on {options['offsets']} offsets later;"
            f" {done.cursor_count} cursors accept no receipt from before."
        )
