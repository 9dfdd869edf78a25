"""The Celery application. Tasks take only ids and never import torch."""

import logging
import os
from typing import Any

from celery import Celery
from celery.signals import after_setup_logger, after_setup_task_logger

from expunge.config.redaction import RedactingFormatter

LINE = "%(asctime)s %(levelname)s %(processName)s %(name)s %(message)s"

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "expunge.config.settings.development")

app = Celery("expunge")
app.config_from_object("django.conf:settings", namespace="CELERY")
ROOMS = (
    "api",
    "certificates",
    "containment",
    "desk",
    "jobs",
    "notices",
    "protocols",
    "registry",
    "subjects",
)
app.autodiscover_tasks([f"expunge.{room}" for room in ROOMS])
app.autodiscover_tasks(["expunge.web"], related_name="background")
app.autodiscover_tasks(["expunge.tickets"], related_name="celery_tasks")


@after_setup_logger.connect
@after_setup_task_logger.connect
def keep_secrets_out(logger: logging.Logger, **_sent: Any) -> None:
    """Let a worker's lines pass the same net as those of the site."""
    for handler in logger.handlers:
        handler.setFormatter(RedactingFormatter(LINE))
