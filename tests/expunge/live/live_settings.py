"""The settings of a whole site in a test: real mail, and a beat that ticks every second."""

from worker_settings import *  # noqa: F403 - settings build on settings
from worker_settings import _given

VAR = Path(_given["VAR"])  # noqa: F405 - from the worker's settings
EXPUNGE_KEYS_DIR = Path(_given["EXPUNGE_KEYS_DIR"])  # noqa: F405 - from the worker's settings
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
DATABASES["default"]["CONN_MAX_AGE"] = 0  # noqa: F405 - from the base settings
for _entry in CELERY_BEAT_SCHEDULE.values():  # noqa: F405 - from the base settings
    _entry["schedule"] = 1.0
