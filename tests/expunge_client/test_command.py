"""The command ``expunge``, started as people start it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import pytest
from django.db import connections

from expunge.registry.models import ScopeNode
from expunge.tickets.services import ticket_withdraw
from expunge_client import Client
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People, model_folder
from tests.expunge.tour import tour

ROOT = Path(__file__).resolve().parents[2]


def expunge(
    *words: str, client: Client | None = None, entered: str = ""
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    if client is not None:
        token = client._call._http.headers["Authorization"].removeprefix("Bearer ")
        environment |= {"EXPUNGE_URL": client.url, "EXPUNGE_TOKEN": token}
    return subprocess.run(
        [sys.executable, "-m", "expunge_client.command", *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        input=entered,
        timeout=120,
    )


def test_tickets_are_filed_listed_and_shown(carol: Client, erika: ScopeNode) -> None:
    filing = ("tickets", "file", "--ground", "consent_withdrawn", "--identity-confirmed")
    scope = ("--dataset", str(erika.dataset_id))
    filed = expunge(*filing, *scope, "--json", client=carol, entered="Erika Mustermann\n")
    assert filed.returncode == 0, filed.stderr
    ticket = json.loads(filed.stdout[filed.stdout.index("{") :])
    listed = expunge("tickets", "list", client=carol)
    assert ticket["reference"] in listed.stdout and "under_review" in listed.stdout
    assert json.loads(expunge("tickets", "list", "--json", client=carol).stdout)
    for narrow in ("--overdue", "--stuck", "--waiting"):  # Carol reviews nothing
        assert json.loads(expunge("tickets", "list", narrow, "--json", client=carol).stdout) == []
    shown = expunge("tickets", "show", ticket["reference"], client=carol)
    assert "under review" in shown.stdout and "filed by  Carol" in shown.stdout


def test_a_ticket_is_watched_until_it_ends(
    carol: Client, cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()

    def withdraw() -> None:
        time.sleep(4)
        ticket_withdraw(actor=cast.carol, ticket_id=ticket.pk, reason="by_person")
        connections.close_all()

    person = threading.Thread(target=withdraw)
    person.start()
    watched = expunge("tickets", "watch", ticket.reference, client=carol)
    person.join()
    assert watched.returncode == 0, watched.stderr
    assert "under review -> withdrawn (by_person)" in watched.stdout


def test_a_model_is_registered_from_a_shell(carol: Client, digest: str, tmp_path: Path) -> None:
    folder = str(model_folder(tmp_path / "model"))
    words = ("models", "register", "assistant", folder, "--dataset-digest", digest)
    made = expunge(*words, client=carol)
    assert made.returncode == 0 and made.stdout.startswith("assistant v1"), made.stderr
    assert "assistant" in expunge("models", "list", client=carol).stdout
    assert digest in expunge("datasets", "list", "--json", client=carol).stdout


def test_a_certificate_and_its_proof_are_fetched_for_the_verifier(
    alice: Client, cast: People, tmp_path: Path
) -> None:
    tour(cast, tmp_path, certified=True)
    (issued,) = alice.certificates()
    fetched = expunge(
        "certificates", "download", issued.number, "--into", str(tmp_path / "e"), client=alice
    )
    assert fetched.returncode == 0, fetched.stderr
    files = [tmp_path / "e" / f"{issued.number}{ending}" for ending in (".pdf", ".json")]
    assert fetched.stdout.split() == [str(file) for file in files]
    assert sha256(files[0].read_bytes()).hexdigest() == issued.pdf_sha256.removeprefix("sha256:")
    leaf = b64decode(json.loads(files[1].read_text())["leaf"]).decode()
    assert issued.pdf_sha256 in leaf


def test_a_login_is_kept_for_its_owner_alone(carol: Client) -> None:
    token = carol._call._http.headers["Authorization"].removeprefix("Bearer ")
    kept = expunge("login", carol.url, entered=f"{token}\n")
    assert kept.returncode == 0, kept.stderr
    file = Path(os.environ["EXPUNGE_CONFIG"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and token not in kept.stdout
    assert expunge("tickets", "list").returncode == 0
    assert expunge("rotate").returncode == 0 and token not in file.read_text()
    assert expunge("tickets", "list").returncode == 0
    file.chmod(0o644)
    refused = expunge("tickets", "list")
    assert refused.returncode == 3 and "chmod 600" in refused.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("tickets", "show", "EX-NONE"), 1, "no such ticket"),
        (("tickets", "file"), 2, "ground"),
        (("tickets", "file", "--ground", "objection", "--subject", "E"), 2, "--dataset"),
        (("models", "register", "a", "/a", "--recipe", "/no/file"), 2, "no readable JSON"),
        (("certificates", "download", "EC-NONE"), 1, "no such certificate"),
        (("nonsense",), 2, "No such command"),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_a_code(
    carol: Client, words: tuple[str, ...], code: int, said: str
) -> None:
    ended = expunge(*words, client=carol)
    assert ended.returncode == code and said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_a_login_it_says_how_to_get_one() -> None:
    ended = expunge("tickets", "list")
    assert ended.returncode == 3 and "expunge login" in ended.stderr
    clear = expunge("login", "http://expunge.example", entered="x\n")
    assert clear.returncode == 3 and "in the clear" in clear.stderr
