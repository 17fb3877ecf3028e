"""The Celery application: jobs (redrive, retention, samples) and their timetable."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mqconsole.settings")

app = Celery("mqconsole")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["brokers"])
