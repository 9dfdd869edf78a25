"""On one's own machine: embedded services, generated keys under ``var/``, plain HTTP."""

import os
import secrets

from expunge.common.keyfile import read_or_create
from expunge.config.settings.base import *

DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
SECRET_KEY = read_or_create(EXPUNGE_KEYS_DIR / "secret.key", lambda: secrets.token_urlsafe(64))
EXPUNGE_MASTER_KEYS = [
    read_or_create(EXPUNGE_KEYS_DIR / "master.key", lambda: secrets.token_hex(32))
]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = VAR / "mail"
EXPUNGE_WEBHOOK_LOOPBACK = True
EXPUNGE_PUBLIC_INTAKE = os.environ.get("EXPUNGE_PUBLIC_INTAKE", "1") == "1"
