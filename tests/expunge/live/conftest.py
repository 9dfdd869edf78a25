"""A whole site of each test's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from expunge.accounts.permissions import Permission
from expunge.accounts.services import token_create
from expunge.config.processes import free_address
from tests.expunge.factories import People
from tests.expunge.jobs.conftest import approve, approved, library, redis_var, worker
from tests.expunge.jobs.workplace import Library, Worker
from tests.expunge.live.site import Caller, Site, Web
from tests.expunge.notices.conftest import Receiver, make_endpoint, receiver
from tests.expunge.notices.test_smtp import Mailbox, mailbox

__all__ = [
    "approve",
    "approved",
    "library",
    "mailbox",
    "make_endpoint",
    "receiver",
    "redis_var",
    "worker",
]
HERE = Path(__file__).resolve().parent


@pytest.fixture
def var(tmp_path: Path, settings: Any) -> Path:
    """Return the platform's folder; what the test itself does goes there too."""
    settings.VAR = tmp_path / "var"
    settings.EXPUNGE_ATTEMPTS_DIR = settings.VAR / "attempts"
    settings.EXPUNGE_ARTIFACTS_URI = str(settings.VAR / "artifacts")
    settings.EXPUNGE_CERTIFICATES_DIR = settings.VAR / "certificates"
    for name in ("attempts", "artifacts", "certificates", "log"):
        (settings.VAR / name).mkdir(parents=True)
    found: Path = settings.VAR
    return found


@pytest.fixture
def site(  # noqa: PLR0913, PLR0917 - a site has many parts
    library: Library,
    var: Path,
    worker: Worker,
    mailbox: Mailbox,
    receiver: Receiver,
    cast: People,
    settings: Any,
) -> Iterator[Site]:
    """Start web, worker and beat; who calls has a token for everything they may do."""
    given = json.loads(worker.environment["EXPUNGE_TEST_SETTINGS"])
    given |= {"VAR": str(var), "EXPUNGE_KEYS_DIR": str(settings.EXPUNGE_KEYS_DIR)}
    for name in ("EXPUNGE_ATTEMPTS_DIR", "EXPUNGE_ARTIFACTS_URI", "EXPUNGE_CERTIFICATES_DIR"):
        given[name] = str(getattr(settings, name))
    address = free_address(0)
    worker.environment |= {
        "PYTHONPATH": f"{HERE}:{worker.environment['PYTHONPATH']}",
        "DJANGO_SETTINGS_MODULE": "live_settings",
        "EXPUNGE_TEST_SETTINGS": json.dumps(given),
        "EXPUNGE_MAIL_HOST": settings.EMAIL_HOST,
        "EXPUNGE_MAIL_PORT": str(settings.EMAIL_PORT),
        "EXPUNGE_PUBLIC_URL": f"http://{address}",
        "EXPUNGE_API_CALLS": "10000",
        "EXPUNGE_LOG_LEVEL": "INFO",
    }
    worker.log = var / "log" / "worker.log"
    keyless = {**worker.environment, "EXPUNGE_MAY_SIGN": "0"}
    web = Web(keyless, address, var / "log" / "web.log")
    callers = {
        name: _caller(cast, name, address) for name in ("alice", "bob", "carol", "ada", "dora")
    }
    worker.start()
    web.start()
    yield Site(web, worker, library, mailbox, receiver, var, callers)
    for caller in callers.values():
        caller.client.close()
    web.stop()


def _caller(cast: People, name: str, address: str) -> Caller:
    actor, here = getattr(cast, name), cast.controller.pk
    scopes = [item for item in Permission if actor.may(item, here)]
    _, secret = token_create(actor=actor, controller_id=here, name="a script", scopes=scopes)
    headers = {"Authorization": f"Bearer {secret}"}
    return Caller(httpx.Client(base_url=f"http://{address}", headers=headers, timeout=30))
