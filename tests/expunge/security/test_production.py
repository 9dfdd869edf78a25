"""Production starts with every secret it needs, from variables or files, and with none it lacks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FULL = {
    "EXPUNGE_SECRET_KEY": "k9!" * 20 + "vQx7",
    "EXPUNGE_MASTER_KEYS": "ab" * 32,
    "EXPUNGE_ALLOWED_HOSTS": "expunge.example.org",
    "EXPUNGE_TSA_URL": "https://tsa.example.org/",
    "EXPUNGE_ISSUER": "Example Hospitals",
    "EXPUNGE_LOG_ORIGIN": "expunge.example.org/audit",
    "DATABASE_URL": "postgres://expunge:s3cret@db.example.org/expunge",
    "REDIS_URL": "redis://redis.example.org/0",
    "EXPUNGE_OIDC_ISSUER": "https://login.example.org/realms/hospital",
    "EXPUNGE_OIDC_CLIENT_ID": "expunge",
    "EXPUNGE_OIDC_CLIENT_SECRET": "s3cret",
}
SECRETS = (
    "EXPUNGE_SECRET_KEY",
    "EXPUNGE_MASTER_KEYS",
    "DATABASE_URL",
    "REDIS_URL",
    "EXPUNGE_OIDC_CLIENT_SECRET",
    "EXPUNGE_MAIL_PASSWORD",
)
PRINT = """
import json, django
from django.conf import settings as s
print(json.dumps({
    "secret": s.SECRET_KEY, "keys": s.EXPUNGE_MASTER_KEYS, "redis": s.REDIS_URL,
    "database": s.DATABASES["default"]["PASSWORD"], "mail": s.EMAIL_HOST_PASSWORD,
    "oidc": s.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["secret"],
    "cookies": [s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.LANGUAGE_COOKIE_NAME],
    "secure": [s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.LANGUAGE_COOKIE_SECURE],
    "roles": list(s.EXPUNGE_SECOND_FACTOR_ROLES), "public": s.EXPUNGE_PUBLIC_URL,
    "debug": s.DEBUG, "form": s.CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"],
}))
"""


def python(tmp_path: Path, environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    """Run Python with the production settings and nothing else of this environment."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
            "DJANGO_SETTINGS_MODULE": "expunge.config.settings.production",
            "EXPUNGE_VAR": str(tmp_path),
            **environment,
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_deployment_checks_find_nothing(tmp_path: Path) -> None:
    arguments = ("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    code, out, err = python(tmp_path, FULL, *arguments)
    assert code == 0, err
    assert "no issues" in out + err


def test_production_is_stricter(tmp_path: Path) -> None:
    code, out, err = python(tmp_path, FULL, "-c", PRINT)
    assert code == 0, err
    found = json.loads(out)
    assert all(name.startswith("__Host-") for name in found["cookies"]) and all(found["secure"])
    assert found["roles"] == ["dpo", "approver", "administrator"] and not found["debug"]
    assert found["public"] == "https://expunge.example.org"
    assert found["form"] == ["'self'", "https://login.example.org"]


def test_every_secret_may_come_from_a_file(tmp_path: Path) -> None:
    environment, values = dict(FULL), {**FULL, "EXPUNGE_MAIL_PASSWORD": "m4il"}
    for name in SECRETS:
        file = tmp_path / name
        file.write_text(values[name] + "\n", encoding="utf-8")
        environment.pop(name, None)
        environment[f"{name}_FILE"] = str(file)
    code, out, err = python(tmp_path, environment, "-c", PRINT)
    assert code == 0, err
    found = json.loads(out)
    assert found["secret"] == FULL["EXPUNGE_SECRET_KEY"] and found["keys"] == ["ab" * 32]
    assert found["database"] == "s3cret" and found["redis"] == FULL["REDIS_URL"]
    assert (found["mail"], found["oidc"]) == ("m4il", "s3cret")


@pytest.mark.parametrize("name", ["EXPUNGE_SECRET_KEY", "EXPUNGE_MASTER_KEYS", "EXPUNGE_TSA_URL"])
def test_without_one_it_does_not_start(tmp_path: Path, name: str) -> None:
    environment = {key: value for key, value in FULL.items() if key != name}
    code, _, err = python(tmp_path, environment, "-c", PRINT)
    assert code != 0 and f"Set {name} or {name}_FILE" in err
    assert "s3cret" not in err


def test_a_value_and_a_file_contradict_each_other(tmp_path: Path) -> None:
    environment = FULL | {"EXPUNGE_SECRET_KEY_FILE": "/nowhere"}
    code, _, err = python(tmp_path, environment, "-c", PRINT)
    assert code != 0 and "not both" in err
