"""The proof of shredding finds what is planted anywhere, in any guise, and nothing that is gone."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pydyf
import pytest
import redis
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from django.db import connection

from expunge.notices.models import Notice
from expunge.registry.models import ScopeNode
from expunge.subjects.identity import identity_code_send, identity_evidence_record
from expunge.subjects.proof.findings import Findings
from expunge.subjects.proof.needles import Needles
from expunge.subjects.proof.search import search
from expunge.tickets import services
from expunge.tickets.endings import ticket_close_nothing_held, ticket_expire
from expunge.tickets.models import Ticket, TicketMove
from expunge.tickets.payload import TicketPayload
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move
from expunge.web.models import FilingDraft
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People
from tests.expunge.tickets.walk import approved, failed, submitted

NAME, MAIL = "Zoë Quendelfels", "zoe.quendelfels@home.example"
NOTE = "my seventeenth visit was in Hinterzarten"
VALUES = (NAME, MAIL, NOTE)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, settings: Any) -> Iterator[None]:
    """Look only into folders of this test, and into a Redis without its keys afterwards."""
    for name in ("attempts", "certificates", "artifacts", "mail", "logs"):
        (tmp_path / "var" / name).mkdir(parents=True)
    settings.VAR = tmp_path / "var"
    settings.EXPUNGE_ATTEMPTS_DIR = tmp_path / "var" / "attempts"
    settings.EXPUNGE_CERTIFICATES_DIR = tmp_path / "var" / "certificates"
    settings.EXPUNGE_ARTIFACTS_URI = str(tmp_path / "var" / "artifacts")
    yield
    with redis.Redis.from_url(configured.REDIS_URL) as store:
        for key in store.scan_iter("proof-test*"):
            store.delete(key)


def looked(*values: str) -> Findings:
    return search(Needles(values or VALUES))


def places(findings: Findings) -> str:
    return "\n".join(place.where for place in findings.left)


GUISES = {
    "plain": lambda text: text.encode(),
    "upper case": lambda text: text.upper().encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 big endian": lambda text: b"x" + text.encode("utf-16-be"),
    "Latin-1": lambda text: text.encode("latin-1"),
    "JSON": lambda text: json.dumps({"said": text}).encode(),
    "address": lambda text: quote(text).encode(),
    "base64": lambda text: b"xy" + base64.b64encode(b"abc" + text.encode()),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).rstrip(b"="),
    "hex": lambda text: text.encode().hex().encode(),
    "base64 of JSON": lambda text: base64.b64encode(json.dumps([text]).encode()),
    "HTML": lambda text: text.replace("ë", "&euml;").replace("@", "&#64;").encode(),
    "other spacing": lambda text: text.replace(" ", "\n  ").encode(),
    "decomposed": lambda text: text.replace("ë", "e\u0308").encode(),
    "gzip": lambda text: gzip.compress(text.encode()),
}


@pytest.mark.parametrize("guise", GUISES)
@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_found_in_every_guise(guise: str, value: str) -> None:
    data = b"before it " + GUISES[guise](value) + b" after it"
    if guise in {"gzip", "UTF-16"}:
        data = GUISES[guise](value)
    assert Needles([value]).in_bytes(data) == {1}
    assert not Needles([value]).in_bytes(GUISES[guise]("Somebody else who was in Freiburg"))


def test_a_name_is_found_with_its_last_part_first() -> None:
    assert Needles([NAME]).in_text("QUENDELFELS, Zoë; patient") == {1}


def test_values_are_never_shown_and_short_ones_are_refused() -> None:
    assert NAME not in repr(Needles([NAME]))
    with pytest.raises(ValueError, match="fewer than"):
        Needles(["Bo"])


def pdf(text: str) -> bytes:
    document, stream = pydyf.PDF(), pydyf.Stream(compress=True)
    stream.begin_text()
    stream.set_font_size("F1", 20)
    stream.set_text_matrix(1, 0, 0, 1, 10, 90)
    stream.show_text_string(text)
    stream.end_text()
    document.add_object(stream)
    font = {"Type": "/Font", "Subtype": "/Type1", "BaseFont": "/Helvetica"}
    known = pydyf.Dictionary({**font, "Name": "/F1", "Encoding": "/MacRomanEncoding"})
    document.add_object(known)
    document.add_page(
        pydyf.Dictionary(
            {
                "Type": "/Page",
                "Parent": document.pages.reference,
                "Contents": stream.reference,
                "MediaBox": pydyf.Array([0, 0, 200, 200]),
                "Resources": pydyf.Dictionary({"Font": pydyf.Dictionary({"F1": known.reference})}),
            }
        )
    )
    written = io.BytesIO()
    document.write(written)
    return written.getvalue()


def archive(text: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("inside.txt", text * 50)
    return written.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "attempts/1/unlearn/job.json": lambda: json.dumps([NOTE]).encode(),
    "attempts/1/output.log": NOTE.encode,
    "artifacts/m/notes.txt": lambda: NOTE.upper().encode(),
    "certificates/c.pdf": partial(pdf, NOTE),
    "mail/1.log": lambda: base64.b64encode(NOTE.encode()),
    "logs/web.log.gz": lambda: gzip.compress(NOTE.encode() * 9),
    "logs/old.zip": partial(archive, NOTE),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", FILES)
def test_what_lies_in_a_file_is_found(tmp_path: Path, name: str) -> None:
    path = tmp_path / "var" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(FILES[name]())
    assert places(looked(NOTE)) == f"file {path}"
    path.unlink()
    assert not looked(NOTE).left


@pytest.mark.django_db
def test_a_file_is_found_by_its_name_which_is_not_printed(tmp_path: Path) -> None:
    (tmp_path / "var" / "logs" / f"{MAIL}.txt").write_text("nothing")
    findings = looked(MAIL)
    assert len(findings.left) == 1 and MAIL not in places(findings)


@pytest.mark.django_db
def test_weights_are_named_as_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "var" / "artifacts" / "model.safetensors").write_bytes(b"\x00" * 9)
    assert any("1 files of weights" in item for item in looked().unread)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["string", "list", "set", "zset", "hash", "stream", "key"])
def test_what_lies_in_redis_is_found(kind: str) -> None:
    with redis.Redis.from_url(configured.REDIS_URL) as store:
        plant: dict[str, Callable[[], object]] = {
            "string": lambda: store.set("proof-test", json.dumps({"to": NOTE})),
            "list": lambda: store.rpush("proof-test", base64.b64encode(NOTE.encode())),
            "set": lambda: store.sadd("proof-test", NOTE),
            "zset": lambda: store.zadd("proof-test", {NOTE: 1}),
            "hash": lambda: store.hset("proof-test", "field", NOTE),
            "stream": lambda: store.xadd("proof-test", {"field": NOTE}),
            "key": lambda: store.set(f"proof-test {NOTE}", "1"),
        }
        plant[kind]()
        found = places(looked(NOTE))
        assert found.startswith("Redis, database 0") and NOTE not in found
        for key in store.scan_iter("proof-test*"):
            store.delete(key)
    assert not looked(NOTE).left


def test_what_lies_in_any_table_is_found(cast: People, file_ticket: FileTicket) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE foreign_notes "
            "(id serial, plain text, pairs jsonb, raw bytea, many text[])"
        )
        for column, value in {
            "plain": NOTE,
            "pairs": json.dumps({"deep": [{"er": NOTE}]}),
            "raw": NOTE.encode("utf-16"),
            "many": [NOTE],
        }.items():
            cursor.execute(f"INSERT INTO foreign_notes ({column}) VALUES (%s)", [value])  # noqa: S608
    found = places(looked(NOTE))
    for number, column in enumerate(("plain", "pairs", "raw", "many"), start=1):
        assert f"table foreign_notes, column {column}, row {number}" in found


def test_what_is_encrypted_is_read_while_its_key_is_there(
    cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket(payload=TicketPayload(NAME, MAIL, NOTE), identity_confirmed=False)
    identity_evidence_record(
        actor=cast.alice, ticket_id=ticket.pk, evidence="account", level="low", seen=NOTE
    )
    services.ticket_submit(actor=cast.alice, ticket_id=ticket.pk, reason=f"{NAME} was checked")
    FilingDraft.objects.create(user=cast.carol.user, content=MAIL, touched_at=ticket.received_at)
    found = places(looked())
    for column in (
        "table tickets_ticket, column payload",
        "table tickets_ticketmove, column text",
        "table subjects_identitycheck, column reference",
        "table notices_notice, column recipient",
        "table notices_notice, column body",
        "table web_filingdraft, column content",
    ):
        assert column in found
    assert not any(value in found for value in VALUES)


def ended_withdrawn(cast: People, ticket: Ticket) -> None:
    services.ticket_withdraw(actor=cast.carol, ticket_id=ticket.pk, reason="by_person", text=NOTE)


def ended_rejected(cast: People, ticket: Ticket) -> None:
    services.ticket_reject(actor=cast.alice, ticket_id=ticket.pk, reason="legal_duty", text=NOTE)


def ended_unverified(cast: People, ticket: Ticket) -> None:
    failed(cast, ticket)
    services.ticket_close_unverified(
        actor=cast.alice, ticket_id=ticket.pk, reason="cannot_verify", text=NOTE
    )


def ended_nothing_held(cast: People, ticket: Ticket) -> None:
    approved(cast, ticket)
    ticket_close_nothing_held(actor=SYSTEM, ticket_id=ticket.pk)


def ended_certified(cast: People, ticket: Ticket) -> None:
    ticket = approved(cast, ticket)
    for target in ("in_progress", "verified", "certified", "closed"):
        ticket_move(ticket=ticket, target=TicketState(target), actor=SYSTEM, text=NOTE)


ENDINGS = (
    ended_withdrawn,
    ended_rejected,
    ended_unverified,
    ended_nothing_held,
    ended_certified,
)


@pytest.mark.parametrize("end", ENDINGS)
def test_nothing_is_left_after_any_end(
    cast: People, file_ticket: FileTicket, end: Callable[[People, Ticket], None]
) -> None:
    ticket = file_ticket(payload=TicketPayload(NAME, MAIL, NOTE), identity_confirmed=False)
    identity_evidence_record(
        actor=cast.alice, ticket_id=ticket.pk, evidence="account", level="low", seen=NOTE
    )
    assert looked().left
    end(cast, ticket)
    _letters_leave()
    findings = looked()
    assert places(findings) == "" and not findings.registered
    assert findings.sealed["subjects_identitycheck.reference"]["shredded"] == 1
    if TicketMove.objects.filter(text__isnull=False).exists():
        assert findings.sealed["tickets_ticketmove.text"]["readable"] == 0


def test_nothing_is_left_after_an_expiry(
    cast: People, file_ticket: FileTicket, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = file_ticket(payload=TicketPayload(NAME, MAIL, NOTE), identity_confirmed=False)
    identity_code_send(actor=cast.alice, ticket_id=ticket.pk)
    monkeypatch.setattr("expunge.tickets.endings.identity_time", lambda _: -(10**3) * _day())
    ticket_expire(actor=SYSTEM, ticket_id=ticket.pk)
    _letters_leave()
    assert places(looked()) == ""


def test_a_held_ticket_keeps_what_it_needs(cast: People, file_ticket: FileTicket) -> None:
    ticket = file_ticket(payload=TicketPayload(NAME, MAIL, NOTE))
    submitted(cast, ticket)
    services.ticket_hold(
        actor=cast.alice, ticket_id=ticket.pk, reason="litigation", text="Regional court"
    )
    assert "table tickets_ticket, column payload" in places(looked())


def test_the_registry_and_the_source_are_named_apart(
    cast: People, file_ticket: FileTicket, erika: ScopeNode
) -> None:
    findings = looked("Erika Mustermann")
    assert not findings.left
    (place,) = findings.registered
    assert str(erika.pk) in place.where
    assert [item.where.startswith("clinic v1") for item in findings.sources] == [True]


def _letters_leave() -> None:
    """Do what the outbox does once every letter is sent: erase it."""
    Notice.objects.update(state="sent", recipient=None, subject=None, body=None)


def _day() -> timedelta:
    return timedelta(days=1)


def run(values: str, monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[int, str]:
    said = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(values))
    try:
        call_command("shred_prove", *options, stdout=said)
    except SystemExit as end:
        return int(str(end.code)), said.getvalue()
    return 0, said.getvalue()


def test_the_command_says_where_and_never_what(
    cast: People, file_ticket: FileTicket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ticket = file_ticket(payload=TicketPayload(NAME, MAIL, NOTE))
    code, said = run("\n".join(VALUES), monkeypatch)
    assert code == 1 and f"column payload, row {ticket.pk}" in said
    assert not any(value in said for value in VALUES)
    assert "backups" in said and "mail that was delivered" in said
    ended_withdrawn(cast, ticket)
    _letters_leave()
    listed = tmp_path / "listed.txt"
    listed.write_text("\n".join(VALUES))
    code, said = run("", monkeypatch, "--from-file", str(listed))
    assert (code, "nothing is left" in said) == (0, True)
    assert "registry_scopenode.label" in said


def test_the_command_fails_for_a_registered_name_unless_that_is_right(
    cast: People, file_ticket: FileTicket, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = "Erika Mustermann\n"
    code, said = run(given, monkeypatch)
    assert code == 1 and "The registry still names the person" in said
    assert "clinic v1" in said and "Kept on purpose: 1 nodes" in said
    assert run(given, monkeypatch, "--registered-is-kept")[0] == 0


@pytest.mark.django_db
def test_the_command_wants_identifiers(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="at least one"):
        run("\n \n", monkeypatch)
    with pytest.raises(CommandError, match="fewer than"):
        run("Bo\n", monkeypatch)
