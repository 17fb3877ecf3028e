"""Asking for work that outlives a request. The work itself is in `brokers.tasks`, which calls the engine.

Owns: the way into Celery's queue. Must not know: what a task does. Called by: engine, after its commit.
A lost request is no loss: `tasks.rescue_operations` asks again for whatever stands still.
"""

import logging
from functools import cache

import kombu.exceptions
from celery import Celery

_log = logging.getLogger(__name__)

REDRIVE = "brokers.redrive"
RESCUE = "brokers.rescue_operations"
_ONCE = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}


def ask(task: str, *arguments: int) -> None:
    """Puts a task into the queue. Failing quietly: the rescue asks again."""
    try:
        _sender().send_task(task, args=arguments, ignore_result=True, retry=False)
    except (kombu.exceptions.KombuError, OSError) as error:
        _log.info("job_request_lost", extra={"task": task, "reason": type(error).__name__})


@cache
def _sender() -> Celery:
    sender = Celery("mqconsole-sender", set_as_current=False)
    sender.config_from_object("django.conf:settings", namespace="CELERY")
    # Somebody's request waits for this: no second try.
    sender.conf.broker_transport_options = {**sender.conf.broker_transport_options, **_ONCE}
    return sender
