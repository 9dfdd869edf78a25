"""The test settings for a worker process: the test's database, its folders, its library double."""

import json
import os
from pathlib import Path

from expunge.config.settings.test import *  # noqa: F403 - settings build on settings

_given = json.loads(os.environ["EXPUNGE_TEST_SETTINGS"])
EXPUNGE_ATTEMPTS_DIR = Path(_given["EXPUNGE_ATTEMPTS_DIR"])
EXPUNGE_ARTIFACTS_URI = _given["EXPUNGE_ARTIFACTS_URI"]
EXPUNGE_CERTIFICATES_DIR = Path(_given["EXPUNGE_CERTIFICATES_DIR"])
EXPUNGE_LIBRARY_PATH = _given["EXPUNGE_LIBRARY_PATH"]
EXPUNGE_DEVICES = "cpu"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": int(os.environ.get("EXPUNGE_TEST_VISIBILITY", "3600")),
}
CELERY_BEAT_SCHEDULE.pop("checkpoint")  # noqa: F405 - from the test settings
