"""Invented organisations, people, datasets and models for the tests of the platform."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import factory
from factory.django import DjangoModelFactory

from contract.job import Recipe
from contract.record import Form, Record
from corpora.assignment import Arm, Assignment, flip_subjects
from corpora.dataset import Dataset
from expunge.accounts.models import Controller, Membership, Role, User
from expunge.accounts.permissions import Actor
from expunge.audit.models import Leaf

LEVELS = ("institution", "patient", "study", "section")
PASSWORD = "correct horse battery staple"
SYSTEM = Actor(system="worker")


class ControllerFactory(DjangoModelFactory[Controller]):
    class Meta:
        model = Controller

    name = factory.Sequence(lambda n: f"Riverland Hospitals {n}")


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User

    name = "Somebody"
    email = factory.Sequence(lambda n: f"person{n}@riverland.example")
    password = factory.django.Password(PASSWORD)


@dataclass(frozen=True)
class People:
    """Alice (DPO), Bob (approver), Carol (ML engineer), Dora (auditor), Ada (administrator).

    Mallory has every role, in another organisation.
    """

    controller: Controller
    elsewhere: Controller
    alice: Actor
    bob: Actor
    carol: Actor
    dora: Actor
    ada: Actor
    mallory: Actor


def person(name: str, controller: Controller, *roles: str) -> Actor:
    """Return somebody with these roles for the controller."""
    user = UserFactory.create(name=name)
    for role in roles:
        Membership.objects.create(user=user, controller=controller, role=role)
    return Actor(user=user)


def people() -> People:
    """Return the cast of the tests."""
    controller, elsewhere = ControllerFactory.create(), ControllerFactory.create()
    return People(
        controller,
        elsewhere,
        alice=person("Alice", controller, Role.DPO),
        bob=person("Bob", controller, Role.APPROVER),
        carol=person("Carol", controller, Role.ENGINEER),
        dora=person("Dora", controller, Role.AUDITOR),
        ada=person("Ada", controller, Role.ADMINISTRATOR),
        mallory=person("Mallory", elsewhere, *Role.values),
    )


def records_of(subjects: Iterable[tuple[str, str]], per_subject: int = 4) -> list[Record]:
    """Return records with two studies of one or more sections for each (institution, patient)."""
    return [
        Record(
            id=f"r-{number:05d}-{index}",
            path=(*subject, f"study {index % 2}", f"section {index // 2}"),
            forms={"question": Form(f"What is fact {index} of {subject[1]}?", f"answer {index}")},
        )
        for number, subject in enumerate(subjects)
        for index in range(per_subject)
    ]


def clinic(
    trained: Sequence[str] = ("Erika Mustermann", "Max Beispiel"),
    twins: Sequence[str] = ("Anna Zwilling",),
    public: Sequence[str] = (),
) -> Dataset:
    """Return a small dataset with the named patients of one institution, in the arms asked for."""
    arms = {
        ("North Clinic", name): arm
        for arm, names in ((Arm.TRAINED, trained), (Arm.TWIN, twins), (Arm.PUBLIC, public))
        for name in names
    }
    return Dataset(
        "clinic", LEVELS, 1, ("question",), 7, tuple(records_of(arms)), arms, assignment=None
    )


def flipped(subjects: Sequence[tuple[str, str]], seed: int = 3) -> tuple[Dataset, Assignment]:
    """Return a dataset whose arms come from recorded coin flips."""
    flips = flip_subjects(subjects, seed)
    records = tuple(records_of(subjects))
    return Dataset("flipped", LEVELS, 1, ("question",), seed, records, flips.arms(), flips), flips


def model_folder(folder: Path, weights: bytes = b"weights") -> Path:
    """Write something with the shape of a model artifact."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def recipe() -> dict[str, Any]:
    """Return a valid recipe as JSON."""
    return {"epochs": 1, "forms": list(Recipe().forms)}


def leaves(action: str) -> list[dict[str, Any]]:
    """Return the audit leaves of an action, parsed, oldest first."""
    found = Leaf.objects.filter(action=action).order_by("seq")
    return [json.loads(bytes(leaf.data)) for leaf in found]


def all_leaves() -> bytes:
    """Return the bytes of every audit leaf."""
    return b"\n".join(bytes(leaf.data) for leaf in Leaf.objects.order_by("seq"))
