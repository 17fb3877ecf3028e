"""The Celery application: jobs that outlive a request, and their timetable."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mqconsole.settings")

app = Celery("mqconsole")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["brokers"])
app.conf.beat_schedule = {
    # A timetable entry that nobody picked up before the next one comes is worth nothing.
    "checkpoint-audit": {"task": "brokers.checkpoint_audit", "schedule": float(settings.AUDIT_CHECKPOINT_SECONDS)},
    "tend-audit": {"task": "brokers.tend_audit", "schedule": 30.0, "options": {"expires": 30.0}},
    "rescue-operations": {"task": "brokers.rescue_operations", "schedule": 5.0, "options": {"expires": 5.0}},
}
