"""The Celery application. Tasks take only ids and never import torch."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "expunge.config.settings.development")

app = Celery("expunge")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["expunge.api", "expunge.jobs", "expunge.notices", "expunge.subjects"])
app.autodiscover_tasks(["expunge.web"], related_name="background")
app.autodiscover_tasks(["expunge.tickets"], related_name="celery_tasks")
