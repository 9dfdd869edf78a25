"""Showing who one is: codes that cannot be guessed or used twice, evidence, and agents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from expunge.common import clock
from expunge.notices.models import Notice
from expunge.subjects import codes, identity
from expunge.subjects.access import PERSON
from expunge.subjects.kinds import Standing
from expunge.subjects.models import IdentityCheck
from expunge.subjects.selectors import identity_of
from expunge.tickets.models import Ticket
from expunge.tickets.payload import TicketPayload
from expunge.tickets.services import ticket_withdraw
from expunge.tickets.states import TicketState
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People, all_leaves, leaves
from tests.expunge.subjects.conftest import mailed_code
from tests.expunge.tickets.walk import code_of

Unshown = Callable[..., Ticket]


def later(monkeypatch: pytest.MonkeyPatch, **delta: int) -> None:
    moment = clock.now() + timedelta(**delta)
    for module in (codes, identity):
        if hasattr(module, "now"):
            monkeypatch.setattr(module, "now", lambda: moment)


def test_the_code_of_the_letter_moves_the_ticket_to_review(cast: People, unshown: Unshown) -> None:
    ticket = unshown()
    check = identity.identity_code_send(actor=cast.alice, ticket_id=ticket.pk)
    code = mailed_code()
    assert len(code.replace("-", "")) >= 8
    assert bytes(check.digest or b"") and code.encode() not in bytes(check.digest or b"")
    moved = identity.identity_code_enter(
        actor=PERSON, ticket_id=ticket.pk, code=f"  {code.lower().replace('-', ' ')} "
    )
    assert moved.state == TicketState.UNDER_REVIEW
    check.refresh_from_db()
    assert (check.standing, check.digest, check.level) == (Standing.SHOWN, None, "low")
    (leaf,) = leaves("identity.shown")
    assert leaf["data"]["method"] == "mailed_code" and leaf["actor"] == "system:data-subject"
    assert code.encode() not in all_leaves() and b"erika@home" not in all_leaves()


def test_asking_stops_a_clock_that_may_stop_and_the_answer_starts_it(
    cast: People, unshown: Unshown
) -> None:
    ticket = unshown()
    identity.identity_code_send(actor=cast.alice, ticket_id=ticket.pk)
    ticket.refresh_from_db()
    assert ticket.paused_since is not None
    ticket = identity.identity_code_enter(actor=PERSON, ticket_id=ticket.pk, code=mailed_code())
    assert ticket.paused_since is None
    other = unshown(regime="ccpa", ground="consumer_request")
    identity.identity_code_send(actor=cast.alice, ticket_id=other.pk)
    other.refresh_from_db()
    assert other.paused_since is None, "the clock of the CCPA runs despite verification"


def test_wrong_codes_are_counted_and_end_the_code(cast: People, unshown: Unshown) -> None:
    ticket = unshown()
    identity.identity_code_send(actor=cast.alice, ticket_id=ticket.pk)
    code = mailed_code()
    given = {"actor": PERSON, "ticket_id": ticket.pk}
    for _ in range(codes.MOST_TRIES - 1):
        assert code_of(identity.identity_code_enter, **given, code="22222-22222") == "code_wrong"
    assert code_of(identity.identity_code_enter, **given, code="22222-22222") == "code_used_up"
    assert code_of(identity.identity_code_enter, **given, code=code) == "code_used_up"
    ticket.refresh_from_db()
    assert ticket.state == TicketState.IDENTITY_PENDING
    assert IdentityCheck.objects.get().standing == Standing.FAILED
    assert len(leaves("identity.failed")) == 1


def test_a_code_is_good_once_and_for_one_day(
    cast: People, unshown: Unshown, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = unshown()
    identity.identity_code_send(actor=cast.alice, ticket_id=ticket.pk)
    code = mailed_code()
    later(monkeypatch, hours=25)
    enter = identity.identity_code_enter
    assert code_of(enter, actor=PERSON, ticket_id=ticket.pk, code=code) == "code_expired"
    identity.identity_code_send(actor=cast.alice, ticket_id=ticket.pk)
    fresh = mailed_code()
    assert code_of(enter, actor=PERSON, ticket_id=ticket.pk, code=code) == "code_wrong"
    enter(actor=PERSON, ticket_id=ticket.pk, code=fresh)
    assert code_of(enter, actor=PERSON, ticket_id=ticket.pk, code=fresh) == "identity_not_awaited"


def test_a_code_belongs_to_one_request_purpose_and_expiry(cast: People, unshown: Unshown) -> None:
    one, other = unshown(), unshown()
    check = identity.identity_code_send(actor=cast.alice, ticket_id=one.pk)
    code = mailed_code()
    theirs = identity.identity_code_send(actor=cast.alice, ticket_id=other.pk)
    IdentityCheck.objects.filter(pk=theirs.pk).update(
        digest=check.digest, expires_at=check.expires_at
    )
    enter = identity.identity_code_enter
    assert code_of(enter, actor=PERSON, ticket_id=other.pk, code=code) == "code_wrong"
    moment = check.expires_at or clock.now()
    good = {"purpose": "identity", "request": one.pk, "expires_at": moment}
    assert codes.code_fits(code, check.digest, **good)  # type: ignore[arg-type]
    for changed in (
        {"purpose": "withdrawal"},
        {"request": other.pk},
        {"expires_at": moment + timedelta(hours=1)},
    ):
        assert not codes.code_fits(code, check.digest, **{**good, **changed})  # type: ignore[arg-type]


def test_codes_are_sent_only_so_often(
    cast: People, unshown: Unshown, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = unshown()
    send = identity.identity_code_send
    send(actor=cast.alice, ticket_id=ticket.pk)
    assert code_of(send, actor=cast.alice, ticket_id=ticket.pk) == "too_many_codes"
    for _ in range(codes.MOST_SENDS - 1):
        IdentityCheck.objects.update(created_at=clock.now() - timedelta(hours=2))
        send(actor=cast.alice, ticket_id=ticket.pk)
    IdentityCheck.objects.update(created_at=clock.now() - timedelta(hours=2))
    assert code_of(send, actor=cast.alice, ticket_id=ticket.pk) == "too_many_codes"
    assert IdentityCheck.objects.filter(standing=Standing.ASKED).count() == 1
    assert Notice.objects.filter(kind="identity_request").count() == codes.MOST_SENDS


def test_a_code_needs_a_mail_address(cast: People, unshown: Unshown) -> None:
    ticket = unshown(payload=TicketPayload("Erika Mustermann", "Hauptstr. 1"))
    assert (
        code_of(identity.identity_code_send, actor=cast.alice, ticket_id=ticket.pk)
        == "no_mail_address"
    )


def test_a_person_records_kind_level_and_place_of_what_they_saw(
    cast: People, unshown: Unshown
) -> None:
    ticket = unshown()
    moved = identity.identity_evidence_record(
        actor=cast.alice,
        ticket_id=ticket.pk,
        evidence="identity_document",
        level="high",
        seen="Front desk of the North Clinic",
    )
    assert moved.state == TicketState.UNDER_REVIEW
    (check,) = identity_of(cast.alice, moved).checks
    assert (check.evidence, check.level, check.by) == ("identity_document", "high", "Alice")
    assert check.reference == "Front desk of the North Clinic"
    assert identity_of(cast.dora, moved).checks[0].reference == ""
    assert b"Front desk" not in bytes(IdentityCheck.objects.get().reference or b"")
    ticket_withdraw(actor=cast.carol, ticket_id=ticket.pk, reason="by_person")
    assert identity_of(cast.alice, moved).checks[0].reference == "", "shredded with the ticket"


def test_an_agent_attests_under_a_reference(cast: People, unshown: Unshown) -> None:
    ticket = unshown()
    given = {"actor": cast.alice, "ticket_id": ticket.pk}
    attest = identity.identity_attest
    assert code_of(attest, **given, level="certain", reference="A-7") == "level_unknown"
    assert code_of(attest, **given, level="low", reference=" ") == "reference_missing"
    moved = attest(actor=PERSON, ticket_id=ticket.pk, level="substantial", reference="A-7")
    assert moved.state == TicketState.UNDER_REVIEW
    assert leaves("identity.shown")[0]["data"]["method"] == "agent_attestation"
    assert b"A-7" not in all_leaves()


def test_evidence_is_seen_by_a_person_and_of_a_known_kind(cast: People, unshown: Unshown) -> None:
    ticket = unshown()
    given = {"ticket_id": ticket.pk, "level": "high", "seen": "desk"}
    record = identity.identity_evidence_record
    assert code_of(record, actor=PERSON, evidence="account", **given) == "person_needed"
    assert code_of(record, actor=cast.alice, evidence="a hunch", **given) == "evidence_unknown"


@pytest.mark.parametrize("name", ["bob", "carol", "dora", "ada", "mallory"])
def test_only_a_reviewer_deals_with_an_identity(cast: People, unshown: Unshown, name: str) -> None:
    ticket = unshown()
    actor = getattr(cast, name)
    unknown = name in {"ada", "mallory"}
    expected = "ticket_unknown" if unknown else "permission_missing"
    given = {"actor": actor, "ticket_id": ticket.pk}
    assert code_of(identity.identity_code_send, **given) == expected
    assert code_of(identity.identity_code_enter, **given, code="x") == expected
    assert code_of(identity.identity_attest, **given, level="low", reference="x") == expected
    assert (
        code_of(
            identity.identity_evidence_record, **given, evidence="account", level="low", seen="x"
        )
        == expected
    )
    assert not IdentityCheck.objects.exists()


def test_a_ticket_whose_identity_is_shown_needs_no_check(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    assert (
        code_of(identity.identity_code_send, actor=cast.alice, ticket_id=ticket.pk)
        == "identity_not_awaited"
    )


def test_the_database_knows_one_open_code_and_keeps_no_used_digest(
    cast: People, unshown: Unshown
) -> None:
    ticket = unshown()
    check = identity.identity_code_send(actor=cast.alice, ticket_id=ticket.pk)
    copy = {"ticket": ticket, "method": check.method, "level": check.level}
    with pytest.raises(IntegrityError), transaction.atomic():
        IdentityCheck.objects.create(**copy, standing=Standing.ASKED)
    with pytest.raises(IntegrityError), transaction.atomic():
        IdentityCheck.objects.filter(pk=check.pk).update(standing=Standing.SHOWN)
