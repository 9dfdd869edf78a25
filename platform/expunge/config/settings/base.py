"""Settings common to every place. Everything a deployment may choose comes from the environment."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF

from expunge.config import embedded, environment
from expunge.config.settings.api import *
from expunge.config.settings.schedule import *
from expunge.config.settings.sign_in import *

ROOT = Path(__file__).resolve().parents[4]
VAR = Path(os.environ.get("EXPUNGE_VAR", ROOT / "var")).resolve()

DATABASE_URL = environment.read("DATABASE_URL") or embedded.postgres_url(VAR)
REDIS_URL = environment.read("REDIS_URL") or embedded.redis_url(VAR)

DATABASES = {
    "default": {
        **dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True),
        "ATOMIC_REQUESTS": False,
    }
}
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "expunge.accounts",
    "expunge.audit",
    "expunge.notices",
    "expunge.registry",
    "expunge.tickets",
    "expunge.containment",
    "expunge.subjects",
    "expunge.certificates",
    "expunge.jobs",
    "expunge.api",
    "expunge.protocols",
    "expunge.desk",
    "expunge.web",
    "expunge.config",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "expunge.web.guard.HeadersMiddleware",
    "expunge.web.guard.BodyLimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "expunge.web.sessions.SessionLimitMiddleware",
    "expunge.web.second_factor.SecondFactorMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "expunge.web.middleware.LanguageMiddleware",
    "expunge.web.middleware.TimeZoneMiddleware",
    "expunge.web.middleware.DomainErrorMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "expunge.web.context.workplace",
            ],
        },
    }
]

ROOT_URLCONF = "expunge.config.urls"
WSGI_APPLICATION = "expunge.config.wsgi.application"
ASGI_APPLICATION = "expunge.config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [ROOT / "platform" / "expunge" / "locale"]
FORMAT_MODULE_PATH = ["expunge.config.formats"]
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = int(timedelta(days=365).total_seconds())
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [ROOT / "static"]

CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# A form holds this much text and so many fields; files count towards the whole request only.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 5
FILE_UPLOAD_PERMISSIONS = 0o600
EXPUNGE_BODY_BYTES = 16 * 1024 * 1024
EXPUNGE_JSON_BYTES = 2 * 1024 * 1024
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF, *EXPUNGE_OIDC_ORIGINS],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://")
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": int(timedelta(hours=12).total_seconds())}
CELERY_TASK_ROUTES = {
    "expunge.jobs.tasks.batch_run": {"queue": "attempts"},
    "expunge.jobs.tasks.review_run": {"queue": "attempts"},
    # Only the workers of this queue hold the keys of evidence.
    "expunge.jobs.tasks.ticket_certify": {"queue": "signing"},
    "expunge.jobs.tasks.certificate_replace": {"queue": "signing"},
    "expunge.jobs.tasks.audit_checkpoint": {"queue": "signing"},
    "expunge.certificates.tasks.archives_renew": {"queue": "signing"},
    "expunge.certificates.tasks.status_renew": {"queue": "signing"},
}
CELERY_TASK_DEFAULT_QUEUE = "default"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "expunge.config.redaction.RedactingFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("EXPUNGE_LOG_LEVEL", "INFO")},
    # They tell every step of setting and signing a page.
    "loggers": {
        name: {"level": "ERROR"}
        for name in (
            "weasyprint",
            "weasyprint.progress",
            "fontTools",
            "pyhanko",
            "pyhanko_certvalidator",
        )
    },
}

# The platform's own choices, one place each.
EXPUNGE_ATTEMPTS_DIR = VAR / "attempts"
EXPUNGE_ARTIFACTS_URI = os.environ.get("EXPUNGE_ARTIFACTS_URI", str(VAR / "artifacts"))
EXPUNGE_CERTIFICATES_DIR = VAR / "certificates"
EXPUNGE_KEYS_DIR = Path(os.environ.get("EXPUNGE_KEYS_DIR", VAR / "keys"))
# The keys of evidence: given only to what signs (the workers of the signing queue, commands).
EXPUNGE_SIGNING_DIR = Path(os.environ.get("EXPUNGE_SIGNING_DIR", EXPUNGE_KEYS_DIR / "signing"))
EXPUNGE_MAY_SIGN = os.environ.get("EXPUNGE_MAY_SIGN", "1") == "1"
EXPUNGE_KEYS_GENERATE = True
# For keys of evidence that are in a PKCS#11 token or behind a signing service.
EXPUNGE_PKCS11_MODULE = os.environ.get("EXPUNGE_PKCS11_MODULE", "")
EXPUNGE_PKCS11_PIN = environment.read("EXPUNGE_PKCS11_PIN")
EXPUNGE_VAULT_TOKEN = environment.read("EXPUNGE_VAULT_TOKEN")
EXPUNGE_TSA_URL = os.environ.get("EXPUNGE_TSA_URL", "")
# Who needs a second factor where the organisation has not chosen; production asks for more.
EXPUNGE_SECOND_FACTOR_ROLES: tuple[str, ...] = ()
EXPUNGE_ISSUER = os.environ.get("EXPUNGE_ISSUER", "Expunge (development)")
# Fonts for scripts that the bundled ones lack; names on documents may need them.
EXPUNGE_FONTS_DIR = os.environ.get("EXPUNGE_FONTS_DIR", "")
# A log in which nothing happens for so long says so in an entry and has it timestamped; 0: never.
EXPUNGE_QUIET_HOURS = int(os.environ.get("EXPUNGE_QUIET_HOURS", "24"))
EXPUNGE_LOG_ORIGIN = os.environ.get("EXPUNGE_LOG_ORIGIN", "expunge.localhost/audit")
# Which Python runs the libraries (this one when empty), and where it finds them.
EXPUNGE_LIBRARY_PYTHON = os.environ.get("EXPUNGE_LIBRARY_PYTHON", "")
EXPUNGE_LIBRARY_PATH = os.environ.get("EXPUNGE_LIBRARY_PATH", "")
# One attempt per GPU; without one, so many at once share the processors of a host.
EXPUNGE_DEVICES = os.environ.get("EXPUNGE_DEVICES", "auto")
EXPUNGE_CPU_SLOTS = int(os.environ.get("EXPUNGE_CPU_SLOTS", "1"))
EXPUNGE_ATTEMPT_SECONDS = int(os.environ.get("EXPUNGE_ATTEMPT_SECONDS", "86400"))
EXPUNGE_TAKEOVERS = int(os.environ.get("EXPUNGE_TAKEOVERS", "8"))
# Due work waits so long for company where an organisation's policy does not say; urgent work
# (due within so many days) does not wait.
EXPUNGE_BATCH_WINDOW_SECONDS = int(os.environ.get("EXPUNGE_BATCH_WINDOW_SECONDS", "0"))
EXPUNGE_BATCH_URGENT_DAYS = int(os.environ.get("EXPUNGE_BATCH_URGENT_DAYS", "3"))
# Certified erasures are verified again on every later version of a model, so many at a time.
EXPUNGE_REVERIFY = os.environ.get("EXPUNGE_REVERIFY", "1") == "1"
EXPUNGE_REVERIFY_AT_ONCE = int(os.environ.get("EXPUNGE_REVERIFY_AT_ONCE", "1"))
# The order in which methods are tried: "learned" from past attempts, or "fixed", weakest first.
EXPUNGE_PLANNER = os.environ.get("EXPUNGE_PLANNER", "learned")
# A ticket whose work has not moved for so long is shown as stuck.
EXPUNGE_STUCK_MINUTES = int(os.environ.get("EXPUNGE_STUCK_MINUTES", "60"))
EXPUNGE_LEASE_SECONDS = int(os.environ.get("EXPUNGE_LEASE_SECONDS", "60"))
# Letters: who they come from, and the domain in their Message-ID.
DEFAULT_FROM_EMAIL = os.environ.get("EXPUNGE_MAIL_FROM", "expunge@localhost")
EXPUNGE_MAIL_DOMAIN = os.environ.get("EXPUNGE_MAIL_DOMAIN", "expunge.localhost")
EMAIL_HOST = os.environ.get("EXPUNGE_MAIL_HOST", "localhost")
EMAIL_PORT = int(os.environ.get("EXPUNGE_MAIL_PORT", "25"))
EMAIL_HOST_USER = os.environ.get("EXPUNGE_MAIL_USER", "")
EMAIL_HOST_PASSWORD = environment.read("EXPUNGE_MAIL_PASSWORD")
EMAIL_USE_TLS = os.environ.get("EXPUNGE_MAIL_TLS", "") == "starttls"
EMAIL_USE_SSL = os.environ.get("EXPUNGE_MAIL_TLS", "") == "tls"
EMAIL_TIMEOUT = 20
# Webhooks over plain HTTP and to this machine itself: for development and tests only.
EXPUNGE_WEBHOOK_LOOPBACK = False
EXPUNGE_WEBHOOK_PORTS = [
    int(port) for port in os.environ.get("EXPUNGE_WEBHOOK_PORTS", "443,8443").split(",")
]
# What data subjects see of us: where the site stands for them, whether they may ask by form
# (each organisation also has to want it), how long a secret link leads somewhere, and how long
# before its end a request whose identity was not shown is reminded of.
EXPUNGE_PUBLIC_URL = os.environ.get("EXPUNGE_PUBLIC_URL", "http://127.0.0.1:8000")
EXPUNGE_PUBLIC_INTAKE = os.environ.get("EXPUNGE_PUBLIC_INTAKE", "") == "1"
EXPUNGE_STATUS_LINK_DAYS = int(os.environ.get("EXPUNGE_STATUS_LINK_DAYS", "365"))
EXPUNGE_IDENTITY_REMINDER_DAYS = int(os.environ.get("EXPUNGE_IDENTITY_REMINDER_DAYS", "7"))
# How long it is remembered who was erased, so that nobody brings them back (0: without end).
EXPUNGE_SUPPRESSION_MONTHS = int(os.environ.get("EXPUNGE_SUPPRESSION_MONTHS", "0"))
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "celerybeat-schedule")
