"""A place to work at: folders, a library double, a Redis and a worker of each test's own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery import current_app
from django.conf import settings as django_settings
from django.db import connection

from expunge.config import embedded
from expunge.registry.models import ModelVersion
from expunge.tickets.models import Ticket
from expunge.tickets.services import ticket_approve, ticket_submit
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People
from tests.expunge.jobs.workplace import HERE, ROOT, Library, Worker

Approve = Callable[[Ticket], Ticket]


@pytest.fixture
def library(tmp_path: Path, settings: Any) -> Library:
    """Give the runner a library double and folders of this test's own."""
    double = Library.at(tmp_path / "library")
    settings.EXPUNGE_LIBRARY_PATH = double.python_path
    settings.EXPUNGE_ATTEMPTS_DIR = tmp_path / "attempts"
    settings.EXPUNGE_ARTIFACTS_URI = str(tmp_path / "artifacts")
    settings.EXPUNGE_CERTIFICATES_DIR = tmp_path / "certificates"
    settings.EXPUNGE_LEASE_SECONDS = 2
    settings.EXPUNGE_RECLAIM_SECONDS = 1
    settings.EXPUNGE_DEVICES = "cpu"
    return double


@pytest.fixture
def approve(cast: People) -> Approve:
    """Have Alice review the ticket and Bob approve it."""

    def carry(ticket: Ticket) -> Ticket:
        ticket_submit(actor=cast.alice, ticket_id=ticket.pk, reason="The ground applies.")
        return ticket_approve(actor=cast.bob, ticket_id=ticket.pk, reason="Agreed.")

    return carry


@pytest.fixture
def approved(
    redis_var: Path,
    library: Library,
    original: ModelVersion,
    file_ticket: FileTicket,
    approve: Approve,
) -> Ticket:
    """Return an approved ticket; the message about it waits in this test's own Redis."""
    return approve(file_ticket())


@pytest.fixture
def redis_var(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Start a Redis of this test's own; the test process uses it too."""
    var = tmp_path / "redis-var"
    url = embedded.redis_url(var)
    settings.REDIS_URL = url
    before = current_app.conf.broker_url
    _use_broker(url.replace("unix://", "redis+socket://"))
    yield var
    _use_broker(before)
    embedded.redis_stop(var, force=True)


@pytest.fixture
def worker(library: Library, redis_var: Path, tmp_path: Path, settings: Any) -> Iterator[Worker]:
    """Give a worker that is not started yet; it is killed when the test ends."""
    database = connection.settings_dict["NAME"]
    given = {
        name: str(getattr(settings, name))
        for name in (
            "EXPUNGE_ATTEMPTS_DIR",
            "EXPUNGE_ARTIFACTS_URI",
            "EXPUNGE_CERTIFICATES_DIR",
            "EXPUNGE_LIBRARY_PATH",
        )
    }
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), str(ROOT), str(ROOT / "platform")]),
        "DJANGO_SETTINGS_MODULE": "worker_settings",
        "DATABASE_URL": urlsplit(django_settings.DATABASE_URL)
        ._replace(path=f"/{database}")
        .geturl(),
        "REDIS_URL": embedded.redis_url(redis_var),
        "EXPUNGE_LEASE_SECONDS": "2",
        "EXPUNGE_RECLAIM_SECONDS": "1",
        "EXPUNGE_TEST_SETTINGS": json.dumps(given),
    }
    process = Worker(environment, tmp_path / "worker.log")
    yield process
    process.kill()


def _use_broker(url: str) -> None:
    """Point this process' Celery at another broker: it looks up its pools by the address."""
    current_app.conf.broker_url = url
    current_app._pool = None
    current_app.amqp._producer_pool = None
