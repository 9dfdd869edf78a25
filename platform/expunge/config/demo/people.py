"""Alice, Bob, Carol, Dora and Ada, and the organisation they work for."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from expunge.accounts.models import Controller, Role, User
from expunge.accounts.permissions import Actor
from expunge.accounts.policies import policy_change
from expunge.accounts.services import membership_grant, user_create
from expunge.common.keyfile import read_or_create

CONTROLLER = "Riverland Hospitals"
PEOPLE = (
    ("alice@riverland.example", "Alice Adler", Role.DPO),
    ("bob@riverland.example", "Bob Brandt", Role.APPROVER),
    ("carol@riverland.example", "Carol Conti", Role.ENGINEER),
    ("dora@riverland.example", "Dora Dahl", Role.AUDITOR),
    ("ada@riverland.example", "Ada Arendt", Role.ADMINISTRATOR),
)


@dataclass(frozen=True)
class Cast:
    """The people of the demonstration, as actors, and the password they share."""

    controller: Controller
    alice: Actor
    bob: Actor
    carol: Actor
    dora: Actor
    ada: Actor
    password: str


@transaction.atomic
def cast() -> Cast:
    """Create the organisation and its people, or find them from an earlier run."""
    password = read_or_create(
        settings.EXPUNGE_KEYS_DIR / "demo-password", lambda: secrets.token_urlsafe(9)
    )
    controller, _ = Controller.objects.get_or_create(name=CONTROLLER)
    system, actors = Actor(system="demonstration"), []
    for email, name, role in PEOPLE:
        user = User.objects.filter(email=email).first() or user_create(
            actor=system, controller_id=controller.pk, email=email, name=name, password=password
        )
        membership_grant(actor=system, user=user, controller_id=controller.pk, role=role)
        actors.append(Actor(user=user))
    alice, bob, carol, dora, ada = actors
    # Its data subjects may ask by form, where the platform offers one.
    policy_change(actor=ada, controller_id=controller.pk, public_intake=True)
    return Cast(controller, alice, bob, carol, dora, ada, password)
