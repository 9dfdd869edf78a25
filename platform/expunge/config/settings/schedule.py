"""What the platform does by the clock: sweeps find what a crash left, retention forgets."""

import os
from datetime import timedelta

from celery.schedules import crontab

EXPUNGE_CONTAINMENT_SECONDS = int(os.environ.get("EXPUNGE_CONTAINMENT_SECONDS", "60"))
EXPUNGE_OUTBOX_SECONDS = int(os.environ.get("EXPUNGE_OUTBOX_SECONDS", "30"))
EXPUNGE_RECLAIM_SECONDS = int(os.environ.get("EXPUNGE_RECLAIM_SECONDS", "15"))
EXPUNGE_CHECKPOINT_SECONDS = int(os.environ.get("EXPUNGE_CHECKPOINT_SECONDS", "3600"))
CELERY_BEAT_SCHEDULE = {
    "archives": {
        "task": "expunge.certificates.tasks.archives_renew",
        "schedule": crontab(hour="2", minute="40"),
    },
    "checkpoint": {
        "task": "expunge.jobs.tasks.audit_checkpoint",
        "schedule": EXPUNGE_CHECKPOINT_SECONDS,
    },
    "claims": {"task": "expunge.api.tasks.claims_expire", "schedule": timedelta(hours=1)},
    "containment": {
        "task": "expunge.containment.tasks.containment_sweep",
        "schedule": EXPUNGE_CONTAINMENT_SECONDS,
    },
    "outbox": {"task": "expunge.notices.tasks.outbox_sweep", "schedule": EXPUNGE_OUTBOX_SECONDS},
    "outbox-retention": {
        "task": "expunge.notices.tasks.outbox_forget",
        "schedule": timedelta(hours=6),
    },
    "protocols": {
        "task": "expunge.protocols.tasks.protocols_sweep",
        "schedule": timedelta(minutes=1),
    },
    "reclaim": {"task": "expunge.jobs.tasks.reclaim", "schedule": EXPUNGE_RECLAIM_SECONDS},
    "retention": {
        "task": "expunge.tickets.celery_tasks.retention",
        "schedule": crontab(hour="3", minute="10"),
    },
    "subjects": {"task": "expunge.subjects.tasks.subjects_sweep", "schedule": timedelta(hours=1)},
    "status-list": {
        "task": "expunge.certificates.tasks.status_renew",
        "schedule": timedelta(minutes=1),
    },
    "runs": {"task": "expunge.desk.tasks.runs_sweep", "schedule": timedelta(minutes=1)},
    "suppression": {
        "task": "expunge.registry.tasks.suppression_forget",
        "schedule": timedelta(days=1),
    },
    "web": {"task": "expunge.web.background.sweep", "schedule": timedelta(minutes=1)},
}
