"""Proof by disclosure: what an entry stands for can be shown while its key is there, then never."""

from __future__ import annotations

import base64
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from expunge.audit.keys import log_key, trust_roots
from expunge.audit.models import Leaf
from expunge.certificates.offline import Trust, main
from expunge.certificates.offline.other import verify_disclosure
from expunge.certificates.offline.trust import read_roots
from expunge.common.errors import ConflictError, NotAllowedError, NotFoundError
from expunge.tickets.disclosure import request_disclose
from expunge.tickets.payload import shred, ticket_key
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shown(cast: People, file_ticket: FileTicket, tmp_path: Path) -> dict[str, Any]:
    """File Erika's ticket, disclose it, and export the log for the auditor."""
    ticket = file_ticket()
    call_command(
        "request_disclose",
        ticket.reference,
        str(tmp_path / "shown.json"),
        by=cast.alice.user.email,  # type: ignore[union-attr]
        stdout=StringIO(),
    )
    call_command("audit_export", str(tmp_path / "log.jsonl"), stdout=StringIO())
    call_command("trust_export", str(tmp_path), stdout=StringIO())
    return {"ticket": ticket, **json.loads((tmp_path / "shown.json").read_bytes())}


def asked(folder: Path, *more: str) -> int:
    given = ["--log", "log.jsonl", "--trust", "roots.pem", "--log-key", "log.key"]
    files = [str(folder / word) if "." in word else word for word in given]
    return main(["disclosure", str(folder / "shown.json"), *files, *more])


def test_what_was_asked_is_shown_to_an_auditor_who_has_the_log(
    shown: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown["data"]["subject_name"] == "Erika Mustermann"
    assert asked(tmp_path) == 0
    assert "committed to as 'request'" in capsys.readouterr().out
    assert (tmp_path / "shown.json").stat().st_mode & 0o077 == 0


def test_the_log_itself_tells_nothing_of_it(shown: dict[str, Any], tmp_path: Path) -> None:
    entries = [
        base64.b64decode(json.loads(line).get("data", ""))
        for line in (tmp_path / "log.jsonl").read_text().splitlines()
    ]
    assert not any(b"Erika" in entry or b"erika@" in entry for entry in entries)
    assert any(b"request.disclosed" in entry for entry in entries)


def test_what_is_shown_decrypts_nothing_else(shown: dict[str, Any]) -> None:
    key = ticket_key(shown["ticket"])
    assert key is not None
    assert base64.b64encode(key).decode() != shown["key"]


@pytest.mark.parametrize("part", ["name", "key", "seq", "twice", "schema"])
def test_another_story_is_refused(shown: dict[str, Any], tmp_path: Path, part: str) -> None:
    said = {name: shown[name] for name in ("schema", "seq", "key", "data")}
    if part == "name":
        said["data"] = {**said["data"], "subject_name": "Erik Mustermann"}
    elif part == "key":
        said["key"] = base64.b64encode(bytes(32)).decode()
    elif part == "seq":
        said["seq"] += 1
    elif part == "schema":
        said["schema"] = "expunge.disclosure/2"
    text = json.dumps(said)
    if part == "twice":
        text = text.replace('"seq"', '"seq": 0, "seq"', 1)
    (tmp_path / "shown.json").write_text(text)
    assert asked(tmp_path, "--json") == 1


def test_it_proves_nothing_in_a_log_that_is_not_whole(
    shown: dict[str, Any], tmp_path: Path
) -> None:
    lines = (tmp_path / "log.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "log.jsonl").write_text("".join(lines[1:]))
    trust = Trust(read_roots(trust_roots()), (log_key(),))
    content = (tmp_path / "shown.json").read_bytes()
    whole, opened = verify_disclosure(content, tmp_path / "log.jsonl", trust)
    assert whole.holds is opened.holds is False


def test_after_shredding_nobody_can_show_it(
    shown: dict[str, Any], cast: People, tmp_path: Path
) -> None:
    ticket = shown["ticket"]
    shred(ticket)
    with pytest.raises(ConflictError, match="destroyed"):
        request_disclose(actor=cast.alice, ticket_id=ticket.pk)
    with pytest.raises(CommandError, match="destroyed"):
        call_command(
            "request_disclose",
            ticket.reference,
            str(tmp_path / "again.json"),
            by=cast.alice.user.email,  # type: ignore[union-attr]
        )
    assert not (tmp_path / "again.json").exists()
    # The log holds still, and what was disclosed before stays shown.
    call_command("audit_export", str(tmp_path / "log.jsonl"), stdout=StringIO())
    assert asked(tmp_path) == 0


def test_only_who_answers_for_requests_may_disclose(cast: People, file_ticket: FileTicket) -> None:
    ticket = file_ticket()
    for actor in (cast.carol, cast.dora, cast.bob):
        with pytest.raises(NotAllowedError):
            request_disclose(actor=actor, ticket_id=ticket.pk)
    with pytest.raises(NotFoundError):
        request_disclose(actor=cast.mallory, ticket_id=ticket.pk)
    assert not Leaf.objects.filter(action="request.disclosed").exists()
