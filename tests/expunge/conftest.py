"""People, a small clinic and a model trained on it, for every test of the platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from corpora.dataset import Dataset, write_dataset
from expunge.registry.models import Arm, DatasetVersion, ModelVersion, ScopeNode
from expunge.registry.selectors import scope_search
from expunge.registry.services import (
    dataset_version_register,
    model_register,
    model_version_register,
)
from expunge.tickets.models import Ticket
from expunge.tickets.payload import TicketPayload
from expunge.tickets.services import ticket_file
from tests.expunge.factories import SYSTEM, People, clinic, model_folder, people, recipe

Register = Callable[..., DatasetVersion]
RegisterVersion = Callable[..., ModelVersion]
FileTicket = Callable[..., Ticket]


@pytest.fixture(autouse=True)
def no_calls_counted() -> Iterator[None]:
    """Let no test reach a limit with the calls of the tests before it."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def cast(db: None) -> People:
    return people()


@pytest.fixture
def register(cast: People, tmp_path: Path) -> Register:
    """Register a dataset: write it to a folder, let Carol register the folder."""

    def register_dataset(dataset: Dataset, name: str = "clinic", at: str = "dataset") -> Any:
        write_dataset(tmp_path / at, dataset)
        return dataset_version_register(
            actor=cast.carol,
            controller_id=cast.controller.pk,
            name=name,
            uri=str(tmp_path / at),
        )

    return register_dataset


@pytest.fixture
def patients(register: Register) -> DatasetVersion:
    return register(clinic())


@pytest.fixture
def register_version(cast: People, tmp_path: Path) -> RegisterVersion:
    """Register the next version of the model 'assistant', with an artifact of its own."""

    def register_model_version(**given: Any) -> ModelVersion:
        model = given.pop("model", None) or _assistant(cast)
        number = model.versions.count() + 1
        folder = model_folder(tmp_path / f"{model.name}-{number}", f"weights {number}".encode())
        defaults: dict[str, Any] = {"layout": "whole", "recipe": recipe(), "uses": ()}
        return model_version_register(
            actor=cast.carol, model=model, uri=str(folder), **{**defaults, **given}
        )

    return register_model_version


@pytest.fixture
def original(patients: DatasetVersion, register_version: RegisterVersion) -> ModelVersion:
    return register_version(uses=[(patients, Arm.TRAINED)])


@pytest.fixture
def erika(patients: DatasetVersion) -> ScopeNode:
    (node,) = scope_search(SYSTEM, patients.dataset_id, "Erika Mustermann")
    return node


@pytest.fixture
def file_ticket(cast: People, erika: ScopeNode) -> FileTicket:
    """Carol files a ticket for Erika, whose identity is confirmed."""

    def file(**given: Any) -> Ticket:
        defaults: dict[str, Any] = {
            "actor": cast.carol,
            "controller_id": cast.controller.pk,
            "regime": "gdpr",
            "ground": "consent_withdrawn",
            "node_ids": [erika.pk],
            "payload": TicketPayload("Erika Mustermann", "erika@home.example", "Please forget me"),
            "identity_confirmed": True,
        }
        return ticket_file(**{**defaults, **given})

    return file


def _assistant(cast: People) -> Any:
    found = cast.controller.models.filter(name="assistant").first()
    return found or model_register(
        actor=cast.carol, controller_id=cast.controller.pk, name="assistant"
    )
