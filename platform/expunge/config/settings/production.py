"""Behind TLS, with every secret from the environment or from a file that it names (``_FILE``).

It refuses to start without one.
"""

from expunge.config import environment
from expunge.config.environment import required, words
from expunge.config.settings.base import *

DEBUG = False
SECRET_KEY = required("EXPUNGE_SECRET_KEY")
# Newest first: the first key encrypts, all of them decrypt.
EXPUNGE_MASTER_KEYS = [key.strip() for key in required("EXPUNGE_MASTER_KEYS").split(",")]
ALLOWED_HOSTS = [host.strip() for host in required("EXPUNGE_ALLOWED_HOSTS").split(",")]
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS]
# Keys and their certificates are put into the key folder by whoever runs the authority.
EXPUNGE_KEYS_GENERATE = False
EXPUNGE_MAY_SIGN = environment.read("EXPUNGE_MAY_SIGN") == "1"
EXPUNGE_TSA_URL = required("EXPUNGE_TSA_URL")
EXPUNGE_ISSUER = required("EXPUNGE_ISSUER")
EXPUNGE_LOG_ORIGIN = required("EXPUNGE_LOG_ORIGIN")
EXPUNGE_PUBLIC_URL = environment.read("EXPUNGE_PUBLIC_URL") or f"https://{ALLOWED_HOSTS[0]}"
EXPUNGE_SECOND_FACTOR_ROLES = tuple(
    words("EXPUNGE_SECOND_FACTOR_ROLES", "dpo,approver,administrator")
)
required("DATABASE_URL")
required("REDIS_URL")

SECURE_SSL_REDIRECT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
# The prefix makes browsers refuse such a cookie from anywhere but this very host, over TLS.
SESSION_COOKIE_NAME = "__Host-session"
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_SECURE = True
LANGUAGE_COOKIE_NAME = "__Host-language"
LANGUAGE_COOKIE_SECURE = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
