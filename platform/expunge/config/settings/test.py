"""The test suite: embedded services in a folder of its own, fixed keys, fast password hashing."""

import os
import tempfile
from pathlib import Path

# One folder per checkout, kept between runs: starting PostgreSQL once is enough.
os.environ.setdefault(
    "EXPUNGE_VAR",
    str(Path(__file__).resolve().parents[4] / "var" / "test"),
)

from expunge.config.settings.base import *

# A cache per test process, for a test that empties its own would empty the others' too.
if "REDIS_URL" not in os.environ:
    _NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    CACHES["default"]["LOCATION"] = f"{REDIS_URL}?db={1 + _NUMBER % 15}"
# A database per test process: two runs on one machine never meet.
DATABASES["default"]["TEST"] = {"NAME": f"test_{os.getpid()}"}
SECRET_KEY = "only-for-tests-" + "0" * 40
EXPUNGE_MASTER_KEYS = ["11" * 32]
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
EXPUNGE_WEBHOOK_LOOPBACK = True
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
# Files of each test process stand apart, so that workers never meet.
_FILES = Path(tempfile.mkdtemp(prefix="expunge-test-"))
EXPUNGE_ATTEMPTS_DIR = _FILES / "attempts"
EXPUNGE_ARTIFACTS_URI = str(_FILES / "artifacts")
EXPUNGE_CERTIFICATES_DIR = _FILES / "certificates"
EXPUNGE_KEYS_DIR = VAR / "keys"
EXPUNGE_SIGNING_DIR = EXPUNGE_KEYS_DIR / "signing"
# Tests of the planner turn learning on; all others count on one order of methods.
EXPUNGE_PLANNER = "fixed"
