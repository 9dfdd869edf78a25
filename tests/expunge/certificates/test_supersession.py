"""A document that a newer one replaces: asked for by those who may, done once, told to everyone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from expunge.accounts.permissions import Actor
from expunge.audit.keys import log_key, trust_roots
from expunge.certificates import supersession
from expunge.certificates.facts import CertificateFacts
from expunge.certificates.models import Certificate, Supersession
from expunge.certificates.offline import Trust, main, verify
from expunge.certificates.offline.trust import read_roots
from expunge.certificates.publication import status_list
from expunge.certificates.selectors import certificate_standing
from expunge.certificates.services import certificate_issue, certificate_revoke
from expunge.certificates.storage import pdf_read
from expunge.certificates.supersession import (
    certificate_supersede,
    stated_facts,
    supersession_carry_out,
    supersessions_due,
)
from expunge.common.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
)
from tests.expunge.certificates.samples import FACTS
from tests.expunge.factories import People, all_leaves, leaves

pytestmark = pytest.mark.django_db(transaction=True)


def issue(cast: People, worker: Actor) -> Certificate:
    return certificate_issue(
        facts=FACTS, ticket_id=uuid4(), controller_id=cast.controller.pk, actor=worker
    )


def ask(actor: Actor, certificate: Certificate, **changes: Any) -> Supersession:
    wanted = {"reason": "language", "language": "de", "text": "The authority reads German."}
    return certificate_supersede(
        actor=actor, certificate_id=certificate.pk, **{**wanted, **changes}
    )


def corrected(certificate: Certificate) -> CertificateFacts:
    del certificate
    return CertificateFacts(**{**vars(FACTS), "controller": "St. Hildegard, renamed"})


def carry_out(certificate: Certificate) -> Certificate:
    newer = supersession_carry_out(certificate_id=certificate.pk, fresh=corrected)
    assert newer is not None
    return newer


def test_the_newer_document_says_the_same_in_the_other_language(
    cast: People, worker: Actor, fast: None
) -> None:
    older = issue(cast, worker)
    ask(cast.alice, older)
    newer = carry_out(older)
    older.refresh_from_db()
    assert (newer.version, newer.language, newer.supersedes) == (2, "de", older)
    before, after = (json.loads(bytes(item.statement))["predicate"] for item in (older, newer))
    for name in ("id", "number", "version", "supersedes", "language"):
        assert before.pop(name) != after.pop(name)
    assert before.pop("issued_at") <= after.pop("issued_at")
    assert before == after
    assert older.is_revoked and older.revoked_reason == "superseded" and older.successor == newer
    assert certificate_standing(older.ticket_id) == newer
    (revoked,) = leaves("certificate.revoked")
    assert revoked["data"]["superseded_by"] == newer.number


def test_what_was_asked_for_is_in_the_log_without_the_words(
    cast: People, worker: Actor, fast: None
) -> None:
    older = issue(cast, worker)
    ask(cast.alice, older, text="Erika cannot read it.")
    (leaf,) = leaves("certificate.supersession")
    assert leaf["data"] == {"number": older.number, "reason": "language", "language": "de"}
    assert leaf["actor"] == cast.alice.pseudonym
    assert b"Erika" not in all_leaves()


def test_a_correction_is_said_from_what_is_known_now_and_the_scope_as_it_was_stated(
    cast: People, worker: Actor, fast: None
) -> None:
    older = issue(cast, worker)
    ask(cast.alice, older, reason="correction", language="")
    facts = stated_facts(carry_out(older))
    assert facts.controller == "St. Hildegard, renamed"
    assert (facts.language, facts.scope) == ("en", FACTS.scope)


@pytest.mark.parametrize("name", ["bob", "carol", "dora"])
def test_only_the_data_protection_officer_may_ask(
    cast: People, worker: Actor, fast: None, name: str
) -> None:
    older = issue(cast, worker)
    with pytest.raises(NotAllowedError):
        ask(getattr(cast, name), older)


@pytest.mark.parametrize("name", ["mallory", "ada"])
def test_who_may_not_see_it_does_not_learn_of_it(
    cast: People, worker: Actor, fast: None, name: str
) -> None:
    older = issue(cast, worker)
    with pytest.raises(NotFoundError):
        ask(getattr(cast, name), older)


@pytest.mark.parametrize(
    "wrong",
    [{"reason": "whim"}, {"language": "fr"}, {"language": "en"}, {"text": " "}],
)
def test_an_unfit_wish_is_refused(
    cast: People, worker: Actor, fast: None, wrong: dict[str, str]
) -> None:
    older = issue(cast, worker)
    with pytest.raises(InvalidInputError):
        ask(cast.alice, older, **wrong)
    assert not Supersession.objects.exists()


def test_nothing_is_asked_for_twice_or_of_what_is_revoked(
    cast: People, worker: Actor, fast: None
) -> None:
    older, gone = issue(cast, worker), issue(cast, worker)
    ask(cast.alice, older)
    with pytest.raises(ConflictError, match="already"):
        ask(cast.alice, older)
    certificate_revoke(actor=worker, certificate_id=gone.pk, reason="regression")
    with pytest.raises(ConflictError, match="revoked"):
        ask(cast.alice, gone)


@pytest.mark.parametrize("step", ["certificate_issue", "certificate_revoke"])
def test_after_a_crash_one_newer_document_results(
    cast: People, worker: Actor, fast: None, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    older = issue(cast, worker)
    ask(cast.alice, older)

    def crash(**_: Any) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(supersession, step, crash)
        with pytest.raises(OSError):  # noqa: PT011 - the crash made above
            carry_out(older)
    older.refresh_from_db()
    assert not older.is_revoked and supersessions_due().get().certificate == older
    newer = carry_out(older)
    assert list(Certificate.objects.filter(ticket_id=older.ticket_id)) == [newer, older]
    assert supersession_carry_out(certificate_id=older.pk, fresh=corrected) is None
    assert len(leaves("certificate.revoked")) == 1


def test_the_verifier_names_the_newer_document(
    cast: People, worker: Actor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = issue(cast, worker)
    ask(cast.alice, older)
    newer = carry_out(older)
    trust = Trust(read_roots(trust_roots()), (log_key(),))
    listed = status_list()
    outcome = verify(pdf_read(older.pdf_name), trust, status=listed)
    assert outcome.revoked is not None and outcome.revoked.superseded_by == newer.number
    assert verify(pdf_read(newer.pdf_name), trust, status=listed).valid
    for name, data in (
        ("certificate.pdf", pdf_read(older.pdf_name)),
        ("roots.pem", trust_roots()),
        ("log.key", str(log_key()).encode()),
        ("status.json", listed),
    ):
        (tmp_path / name).write_bytes(data)
    given = [str(tmp_path / "certificate.pdf"), "--trust", str(tmp_path / "roots.pem")]
    given += ["--log-key", str(tmp_path / "log.key"), "--status", str(tmp_path / "status.json")]
    assert main(given) == 3
    said = capsys.readouterr().out
    assert "a newer document takes its place" in said and f"Ask for {newer.number}" in said
