"""Behind TLS, with every secret from the environment; refuses to start without one."""

import os

from django.core.exceptions import ImproperlyConfigured

from expunge.config.settings.base import *


def required(name: str) -> str:
    """Return an environment variable or say which one is missing."""
    value = os.environ.get(name, "")
    if not value:
        message = f"Set {name}: production starts with no secret or address of its own."
        raise ImproperlyConfigured(message)
    return value


DEBUG = False
SECRET_KEY = required("EXPUNGE_SECRET_KEY")
# Newest first: the first key encrypts, all of them decrypt.
EXPUNGE_MASTER_KEYS = required("EXPUNGE_MASTER_KEYS").split(",")
ALLOWED_HOSTS = required("EXPUNGE_ALLOWED_HOSTS").split(",")
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS]
# Keys and their certificates are put into the key folder by whoever runs the authority.
EXPUNGE_KEYS_GENERATE = False
EXPUNGE_TSA_URL = required("EXPUNGE_TSA_URL")
EXPUNGE_ISSUER = required("EXPUNGE_ISSUER")
EXPUNGE_LOG_ORIGIN = required("EXPUNGE_LOG_ORIGIN")
EXPUNGE_SECOND_FACTOR_ROLES = ("dpo", "approver", "administrator")
required("DATABASE_URL")
required("REDIS_URL")

SECURE_SSL_REDIRECT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
