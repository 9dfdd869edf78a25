"""A platform that really listens, and a client that really calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from expunge.accounts.permissions import Actor, Permission
from expunge.accounts.services import token_create
from expunge.registry.models import DatasetVersion
from expunge_client import Client
from tests.expunge.conftest import (  # noqa: F401 - fixtures
    erika,
    file_ticket,
    no_calls_counted,
    original,
    patients,
    register,
    register_version,
)
from tests.expunge.factories import People, people


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the configuration of whoever runs the tests out of them."""
    monkeypatch.setenv("EXPUNGE_CONFIG", str(tmp_path / "home" / "client.json"))
    for name in ("EXPUNGE_URL", "EXPUNGE_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cast(transactional_db: None) -> People:
    return people()


def secret_of(actor: Actor, people: People) -> str:
    """Return a token with all rights of somebody."""
    wanted = [item for item in Permission if actor.may(item, people.controller.pk)]
    _, secret = token_create(
        actor=actor, controller_id=people.controller.pk, name="a laptop", scopes=wanted
    )
    return secret


@pytest.fixture
def carol(cast: People, live_server: object) -> Client:
    return Client(str(live_server), secret_of(cast.carol, cast))


@pytest.fixture
def alice(cast: People, live_server: object) -> Client:
    return Client(str(live_server), secret_of(cast.alice, cast))


@pytest.fixture
def digest(patients: DatasetVersion) -> str:  # noqa: F811 - the fixture of that name
    return patients.digest
