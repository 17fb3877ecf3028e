"""`manage.py runbroker`: runs one broker worker until SIGINT or SIGTERM."""

import asyncio
import signal
from typing import Any

import uvloop
from django.core.management.base import BaseCommand, CommandError

from brokers.doors.broker import BrokerWorker
from brokers.doors.remoting import tls
from mqconsole import doctor, interpreter


class Command(BaseCommand):
    help = (
        "Runs a broker worker: remoting clients, due messages, expired leases, retention. Any number may run at once."
    )

    def handle(self, *args: Any, **options: Any) -> None:  # Any: as Django defines it
        try:
            doctor.refuse_unsafe_database()
        except doctor.UnsafeDatabase as error:
            raise CommandError(str(error)) from error
        try:
            uvloop.run(_serve())
        except tls.Unusable as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(
                f"{error.strerror or error}. MQ_NAMESRV_PORT and MQ_BROKER_PORT choose other ports, MQ_REMOTING=0 none."
            ) from error


async def _serve() -> None:
    interpreter.share_fairly()
    worker = BrokerWorker()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, worker.stop)
    interpreter.keep_what_is_loaded()
    await worker.serve()
