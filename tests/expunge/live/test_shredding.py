"""Requests go the whole way through a real site to every end; then nothing of them is left.

What the persons say is looked for as an operator does it, with ``manage.py shred_prove``: in the
database, the folders, Redis, and the logs of the web process and of the worker, at INFO.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import pytest

from expunge.certificates.models import Certificate
from expunge.common.clock import now
from expunge.containment.models import ContainmentBundle
from expunge.notices.kinds import EventKind
from expunge.notices.models import Notice, OutboxState
from expunge.registry.models import DatasetVersion, ModelVersion
from expunge.registry.selectors import scope_search
from expunge.subjects.models import IdentityReminder, LabelShredding
from expunge.tickets.models import TicketKey
from expunge.tickets.recipients import RecipientFields, recipient_add
from tests.expunge.conftest import Register
from tests.expunge.factories import SYSTEM, People, clinic
from tests.expunge.jobs.workplace import ROOT, eventually
from tests.expunge.live.site import Browser, Site
from tests.expunge.notices.conftest import Made

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.broker,
]


@dataclass(frozen=True)
class Person:
    """Somebody whose every word is like no other."""

    name: str
    mail: str
    note: str

    @property
    def words(self) -> tuple[str, ...]:
        return (self.name, self.mail, self.note)


PERSONS: Mapping[str, Person] = {
    end: Person(name, f"{name.split()[0].lower()}@home.example", f"My {word} visit to the ward")
    for end, name, word in (
        ("certified", "Quirina Zwackelmann", "vielerlei"),
        ("not verified", "Balthasar Nebelkrae", "dreizehnfach"),
        ("rejected", "Ottokar Wurzelsepp", "siebenundzwanzigst"),
        ("withdrawn", "Kunigunde Apfelbaeck", "allerletzt"),
        ("expired", "Zacharias Pumpernickl", "mitternaechtlich"),
    )
}


@pytest.fixture
def patients(register: Register) -> DatasetVersion:
    return register(clinic(trained=[person.name for person in PERSONS.values()]))


def test_nothing_of_a_person_is_left_after_any_end(
    site: Site, cast: People, original: ModelVersion, make_endpoint: Callable[..., Made]
) -> None:
    make_endpoint(kinds=[kind for kind in EventKind if kind is not EventKind.TEST])
    recipient_add(
        actor=cast.alice,
        controller_id=cast.controller.pk,
        fields=RecipientFields(
            "Northern Clinics", "deployer", "p@north.example", model_ids=(original.model_id,)
        ),
    )
    _ends_not_verified(site, PERSONS["not verified"])
    _ends_certified(site, PERSONS["certified"])
    _ends_rejected(site, PERSONS["rejected"], Browser.of(site.web.address, cast.alice))
    _ends_withdrawn(site, PERSONS["withdrawn"])
    _ends_expired(site, PERSONS["expired"], Browser.of(site.web.address, cast.carol))
    _calms_down(site)
    said = site.worker.text() + site.web.log.read_text(encoding="utf-8")
    assert "POST /api/v1/tickets" in said and "batch_run" in said
    for end, person in PERSONS.items():
        assert not [word for word in person.words if word.lower() in said.lower()], end
    certified = PERSONS["certified"]
    for options, persons in (
        ([], [certified]),
        (["--registered-is-kept"], [item for item in PERSONS.values() if item != certified]),
    ):
        code, told = _proof(site, persons, *options)
        assert code == 0, told


def test_the_proof_sees_a_request_that_has_not_ended(site: Site, original: ModelVersion) -> None:
    person = PERSONS["rejected"]
    ticket_id = _filed(site, person)
    code, told = _proof(site, [person], "--registered-is-kept")
    assert code == 1 and f"column payload, row {ticket_id}" in told


def _ends_not_verified(site: Site, person: Person) -> None:
    site.library.plays(verification=dict.fromkeys(("npo", "renew", "retrain"), "fail"))
    ticket_id = _approved(site, _by_protocol(site, person), person)
    site.comes_to(ticket_id, "verification_failed")
    site.as_("alice").post(
        f"tickets/{ticket_id}/close-unverified", reason="methods_exhausted", text=person.note
    )
    site.library.plays()


def _ends_certified(site: Site, person: Person) -> None:
    ticket_id = _by_protocol(site, person)
    site.comes_to(ticket_id, "under_review")
    site.as_("alice").post(f"tickets/{ticket_id}/extend", reason="complexity", text=person.note)
    _approved(site, ticket_id, person)
    assert site.comes_to(ticket_id, "closed").outcome == "certified"


def _ends_rejected(site: Site, person: Person, alice: Browser) -> None:
    ticket_id = _filed(site, person)
    page, caller = f"/tickets/{ticket_id}/", site.as_("alice")
    caller.post(
        f"tickets/{ticket_id}/identity/evidence",
        evidence="account",
        level="low",
        seen=person.note,
    )
    assert person.name in alice.get(page).text
    assert alice.post(page, f"{page}approve/", text=person.note).status_code >= 400
    caller.post("tickets/search", label=person.name)
    caller.post(f"tickets/{uuid4()}/submit", 404, text=person.note)
    broken = caller.client.post(
        "/api/v1/tickets",
        content=f'{{"x": "{person.name}',
        headers={"Content-Type": "application/json"},
    )
    assert broken.status_code >= 400
    alice.post(page, f"{page}reject/", code="legal_duty", text=person.note)
    site.comes_to(ticket_id, "rejected")


def _ends_withdrawn(site: Site, person: Person) -> None:
    ticket_id = _by_protocol(site, person)
    site.comes_to(ticket_id, "under_review")
    alice = site.as_("alice")
    alice.post(f"tickets/{ticket_id}/hold", reason="litigation", text=person.note)
    alice.post(f"tickets/{ticket_id}/release", reason="matter_closed", text=person.note)
    alice.post(f"tickets/{ticket_id}/withdraw", reason="by_person", text=person.note)


def _ends_expired(site: Site, person: Person, carol: Browser) -> None:
    (node,) = scope_search(SYSTEM, _dataset(), person.name)
    new = "/tickets/new/"
    carol.post(new, f"{new}search/{node.dataset_id}/", label=person.name)
    carol.post(new, f"{new}scope/", add=str(node.pk))
    carol.post(
        f"{new}law/",
        f"{new}law/",
        regime="gdpr",
        ground="consent_withdrawn",
        profile="erasure",
    )
    carol.post(
        f"{new}person/",
        f"{new}person/",
        subject_name=person.name,
        contact=person.mail,
        note=person.note,
        received_on=(now() - timedelta(days=300)).date().isoformat(),
    )
    filed = carol.post(f"{new}summary/", f"{new}summary/")
    ticket_id = filed.url.path.split("/")[2]
    eventually(IdentityReminder.objects.first, "the reminder")
    IdentityReminder.objects.update(created_at=now() - timedelta(days=30))
    site.comes_to(ticket_id, "expired")


def _by_protocol(site: Site, person: Person) -> str:
    carol = site.as_("carol")
    entered = carol.client.post(
        "/opendsr/v2/requests",
        json={
            "regulation": "gdpr",
            "subject_request_id": (request_id := str(uuid4())),
            "subject_request_type": "erasure",
            "submitted_time": (now() - timedelta(days=1)).isoformat(),
            "subject_identities": [
                {"identity_type": "email", "identity_value": person.mail, "identity_format": "raw"}
            ],
            "extensions": {"example.org": {"said": person.note}},
            "status_callback_urls": [site.receiver.url],
        },
    )
    assert entered.status_code == 201, entered.text
    waiting = carol.get("intakes?standing=waiting")["results"]
    assert len(waiting) == 1 and request_id
    return str(
        carol.post(
            f"intakes/{waiting[0]['id']}/ticket",
            201,
            regime="gdpr",
            ground="consent_withdrawn",
            nodes=[_node(person)],
            subject_name=person.name,
            contact=person.mail,
        )["ticket"]
    )


def _filed(site: Site, person: Person) -> str:
    return str(
        site.as_("carol").post(
            "tickets",
            201,
            regime="gdpr",
            ground="consent_withdrawn",
            nodes=[_node(person)],
            subject_name=person.name,
            contact=person.mail,
            note=person.note,
        )["id"]
    )


def _approved(site: Site, ticket_id: str, person: Person) -> str:
    site.comes_to(ticket_id, "under_review")
    reason = f"{person.name} wrote: {person.note}"
    site.as_("alice").post(f"tickets/{ticket_id}/submit", text=reason)
    site.as_("bob").post(f"tickets/{ticket_id}/approve", text=reason)
    eventually(ContainmentBundle.objects.filter(ticket=ticket_id).exists, "containment")
    return ticket_id


def _calms_down(site: Site) -> None:
    """Wait until letters and documents are out, keys gone and labels empty."""
    waiting = Notice.objects.exclude(state=OutboxState.SENT)
    eventually(lambda: not waiting.exists(), "all letters to leave")
    for person in PERSONS.values():
        assert len(site.letters_to(person.mail)) >= 2, person.name
    eventually(lambda: Certificate.objects.count() == 2, "certificate and statement")
    eventually(LabelShredding.objects.exists, "the labels to be emptied")
    eventually(lambda: not list((site.var / "attempts").iterdir()), "the folders to go")
    assert not TicketKey.objects.exists()


def _proof(site: Site, persons: Sequence[Person], *options: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "manage.py", "shred_prove", *options],
        input="\n".join(word for person in persons for word in person.words),
        cwd=ROOT,
        env=site.web.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _node(person: Person) -> str:
    (node,) = scope_search(SYSTEM, _dataset(), person.name)
    return str(node.pk)


def _dataset() -> object:
    return DatasetVersion.objects.get().dataset_id
