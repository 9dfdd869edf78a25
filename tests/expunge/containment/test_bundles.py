"""From approval on a person is kept out of answers; with the certificate that ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contract.canonical import digest_bytes
from contract.containment import SIGNED_BUNDLE, BundleError, ngram_digest, read
from expunge.accounts.models import Role
from expunge.accounts.permissions import Actor, Permission
from expunge.common.errors import DomainError, NotFoundError
from expunge.containment.keys import public_key
from expunge.containment.models import ContainmentBundle, ContainmentChoice
from expunge.containment.selectors import bundle_get, bundles_of, bundles_readable
from expunge.containment.services import (
    containment_choose,
    containment_fetch,
    containment_look,
    containment_settle,
)
from expunge.containment.tasks import containment_sweep
from expunge.notices.models import WebhookEndpoint, WebhookEvent
from expunge.registry.models import DatasetVersion, ModelVersion
from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState
from tests.expunge.conftest import RegisterVersion
from tests.expunge.containment.conftest import Move
from tests.expunge.factories import People, all_leaves, leaves, person

S = TicketState


@pytest.fixture
def erin(cast: People) -> Actor:
    """Return Erin, who deploys models."""
    return person("Erin", cast.controller, Role.DEPLOYER)


def active(ticket: Ticket) -> list[ContainmentBundle]:
    return list(ticket.bundles.filter(withdrawn_at__isnull=True))


def test_an_approved_ticket_gets_a_bundle_for_every_version_that_holds_the_person(
    ticket: Ticket, original: ModelVersion, register_version: RegisterVersion
) -> None:
    child = register_version(parent=original)
    containment_look(ticket_id=ticket.pk)
    assert {bundle.model_version for bundle in active(ticket)} == {original, child}
    containment_look(ticket_id=ticket.pk)
    assert len(active(ticket)) == 2
    assert len(leaves("containment.published")) == 2


def test_before_approval_there_is_none(
    cast: People, original: ModelVersion, file_ticket: Any
) -> None:
    ticket = file_ticket()
    containment_look(ticket_id=ticket.pk)
    assert active(ticket) == []


def test_a_bundle_is_signed_and_holds_no_plain_text(ticket: Ticket, erin: Actor) -> None:
    containment_look(ticket_id=ticket.pk)
    (stored,) = active(ticket)
    document = containment_fetch(actor=erin, bundle=bundle_get(erin, stored.pk))
    assert stored.digest == digest_bytes(document.encode())
    bundle = read(document, public_key())
    assert bundle.effect == "serve_suppression" and "not erasure" in bundle.notice
    key = bytes.fromhex(bundle.key)
    assert ngram_digest(key, ("erika", "mustermann")) in bundle.names
    assert ngram_digest(key, ("dr", "hartmann")) not in bundle.answers
    for word in ("erika", "vancomycin", "mustermann"):
        assert word not in document.lower()
    forged = json.loads(document)
    forged["bundle"]["names"] = []
    with pytest.raises(BundleError):
        read(json.dumps(forged), public_key())
    with pytest.raises(BundleError):
        read(document, "AAAA")


def test_every_bundle_has_a_key_of_its_own(
    ticket: Ticket, original: ModelVersion, register_version: RegisterVersion
) -> None:
    register_version(parent=original)
    containment_look(ticket_id=ticket.pk)
    one, other = (SIGNED_BUNDLE.validate_json(str(item.document)).bundle for item in active(ticket))
    assert one.key != other.key and not set(one.names) & set(other.names)


def test_the_document_is_encrypted_at_rest(ticket: Ticket) -> None:
    containment_look(ticket_id=ticket.pk)
    from django.db import connection  # noqa: PLC0415 - one test looks underneath

    with connection.cursor() as cursor:
        cursor.execute("SELECT document FROM containment_containmentbundle")
        assert b"expunge.containment" not in bytes(cursor.fetchone()[0])


def test_the_certificate_ends_containment_and_erases_the_digests(
    ticket: Ticket, move: Move
) -> None:
    containment_look(ticket_id=ticket.pk)
    (before,) = active(ticket)
    move(S.IN_PROGRESS, S.VERIFIED)
    containment_look(ticket_id=ticket.pk)
    assert active(ticket) == [before]
    move(S.CERTIFIED)
    containment_settle(ticket_id=ticket.pk)
    after = ContainmentBundle.objects.get(pk=before.pk)
    assert after.withdrawn_at and after.reason == "certified"
    assert after.document is None and after.digest == before.digest
    assert leaves("containment.withdrawn")[0]["data"]["digest"] == before.digest


def test_a_move_withdraws_by_itself(
    ticket: Ticket, move: Move, django_capture_on_commit_callbacks: Any
) -> None:
    containment_look(ticket_id=ticket.pk)
    with django_capture_on_commit_callbacks(execute=True):
        move(S.WITHDRAWN)
    assert active(ticket) == []
    assert ticket.bundles.get().reason == "ended"


def test_the_sweep_finds_what_a_crash_left(ticket: Ticket, move: Move) -> None:
    containment_sweep()
    assert len(active(ticket)) == 1
    move(S.WITHDRAWN)
    containment_sweep()
    assert active(ticket) == []


def test_a_legal_hold_leaves_containment_in_place(ticket: Ticket, move: Move) -> None:
    containment_look(ticket_id=ticket.pk)
    move(S.ON_HOLD)
    containment_sweep()
    assert len(active(ticket)) == 1


def test_an_unverified_ticket_stays_contained_by_a_recorded_choice(
    ticket: Ticket, move: Move, cast: People
) -> None:
    containment_look(ticket_id=ticket.pk)
    move(S.IN_PROGRESS, S.VERIFICATION_FAILED, S.CONTAINED)
    containment_sweep()
    assert len(active(ticket)) == 1
    move(S.CLOSED)
    containment_sweep()
    assert len(active(ticket)) == 1
    choice = ContainmentChoice.objects.get()
    assert choice.keep and choice.user is None and choice.reason == "protects"
    containment_choose(actor=cast.alice, ticket_id=ticket.pk, keep=False, reason="model_retired")
    assert active(ticket) == []
    assert ticket.bundles.get().reason == "lifted"
    assert [leaf["data"]["keep"] for leaf in leaves("containment.chosen")] == [True, False]


def test_a_choice_made_before_the_end_waits_for_it(
    ticket: Ticket, move: Move, cast: People
) -> None:
    containment_look(ticket_id=ticket.pk)
    move(S.IN_PROGRESS, S.VERIFICATION_FAILED)
    containment_choose(actor=cast.alice, ticket_id=ticket.pk, keep=False, reason="harms_others")
    assert len(active(ticket)) == 1
    move(S.CLOSED)
    containment_settle(ticket_id=ticket.pk)
    assert active(ticket) == []


def test_only_reviewers_choose_and_only_where_there_is_a_choice(
    ticket: Ticket, move: Move, cast: People, erin: Actor
) -> None:
    given = {"ticket_id": ticket.pk, "keep": True, "reason": "protects"}
    with pytest.raises(DomainError) as early:
        containment_choose(actor=cast.alice, **given)
    assert early.value.code == "containment_no_choice"
    move(S.IN_PROGRESS, S.VERIFICATION_FAILED)
    for actor in (cast.bob, cast.carol, cast.dora):
        with pytest.raises(DomainError) as refused:
            containment_choose(actor=actor, **given)
        assert refused.value.code == "permission_missing"
    for actor in (cast.mallory, cast.ada, erin):
        with pytest.raises(NotFoundError):
            containment_choose(actor=actor, **given)
    with pytest.raises(DomainError) as wrong:
        containment_choose(actor=cast.alice, **{**given, "reason": "because"})
    assert wrong.value.code == "reason_unknown"


def test_only_deployers_read_what_is_in_a_bundle(ticket: Ticket, cast: People, erin: Actor) -> None:
    containment_look(ticket_id=ticket.pk)
    (stored,) = active(ticket)
    assert list(bundles_readable(erin)) == [stored]
    for actor in (cast.alice, cast.bob, cast.carol, cast.dora, cast.ada, cast.mallory):
        assert not bundles_readable(actor).exists()
        with pytest.raises(NotFoundError):
            bundle_get(actor, stored.pk)
        with pytest.raises(DomainError):
            containment_fetch(actor=actor, bundle=stored)
    narrow = Actor(user=erin.user, scopes=frozenset({Permission.TICKET_VIEW}))
    assert not bundles_readable(narrow).exists()
    containment_fetch(actor=erin, bundle=stored)
    (shown,) = bundles_of(cast.alice, ticket)
    assert shown.fetches.all()[0].user == erin.user
    assert bundles_of(erin, ticket) == ()


def test_without_the_records_the_names_are_kept_out_and_later_the_rest(
    ticket: Ticket, patients: DatasetVersion
) -> None:
    records = Path(patients.uri) / "records.jsonl"
    text = records.read_text()
    records.unlink()
    containment_look(ticket_id=ticket.pk)
    (partial,) = active(ticket)
    assert not partial.complete and partial.names == 2 and partial.answers == 0
    records.write_text(text)
    containment_look(ticket_id=ticket.pk)
    assert active(ticket) == [partial], "it is tried again after a while only"
    ContainmentBundle.objects.update(created_at="2020-01-01T00:00:00Z")
    containment_look(ticket_id=ticket.pk)
    (whole,) = active(ticket)
    assert whole.complete and whole.answers > 0
    assert ContainmentBundle.objects.get(pk=partial.pk).reason == "superseded"


def test_events_and_leaves_name_nobody(ticket: Ticket, move: Move, cast: People) -> None:
    WebhookEndpoint.objects.create(
        controller=cast.controller,
        name="guard",
        url="https://guard.example/hook",
        secret="whsec_guard",
        created_by=cast.ada.user,
        kinds=["containment.published", "containment.withdrawn"],
    )
    containment_look(ticket_id=ticket.pk)
    move(S.WITHDRAWN)
    containment_settle(ticket_id=ticket.pk)
    kinds = [event.kind for event in WebhookEvent.objects.order_by("created_at")]
    assert kinds == ["containment.published", "containment.withdrawn"]
    assert b"Erika" not in all_leaves()
    assert "Erika" not in str([event.data for event in WebhookEvent.objects.all()])
