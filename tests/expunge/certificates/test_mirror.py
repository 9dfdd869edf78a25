"""An auditor's mirror: a whole log in an empty database, or nothing."""

from __future__ import annotations

import base64
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from expunge.audit.models import Checkpoint, Leaf, Node
from expunge.audit.selectors import inclusion_proof, log_root, log_verify
from expunge.certificates.offline import main
from expunge.certificates.selectors import log_proof
from tests.expunge.certificates.conftest import Issued

pytestmark = pytest.mark.django_db(transaction=True)


def imported(issued: Issued, file: Path) -> str:
    out = StringIO()
    folder = issued.folder
    call_command(
        "audit_import",
        str(file),
        trust=folder / "roots.pem",
        log_key=folder / "log.key",
        stdout=out,
    )
    return out.getvalue()


def test_a_mirror_has_the_same_tree_checkpoints_and_proofs(issued: Issued, tmp_path: Path) -> None:
    lines = issued.export.read_text().splitlines()
    entries = [line for line in lines if '"seq"' in line]
    assert f"{len(entries)} entries" in imported(issued, issued.export)
    assert [bytes(leaf.data) for leaf in Leaf.objects.all()] == [
        base64.b64decode(json.loads(line)["data"]) for line in entries
    ]
    assert Node.objects.exists()
    for checkpoint in Checkpoint.objects.all():
        assert log_root(checkpoint.size).hex()
        assert inclusion_proof(checkpoint.size - 1, checkpoint.size) is not None
    state = log_verify()
    assert state.sound, state.faults
    assert log_proof(len(entries) - 1).token


def test_a_log_that_is_not_whole_is_not_imported_at_all(issued: Issued, tmp_path: Path) -> None:
    lines = issued.export.read_text().splitlines(keepends=True)
    (tmp_path / "cut.jsonl").write_text("".join(lines[:2] + lines[3:]))
    with pytest.raises(CommandError, match="gap"):
        imported(issued, tmp_path / "cut.jsonl")
    assert not Leaf.objects.exists()


def test_nothing_is_imported_beside_a_log(issued: Issued) -> None:
    imported(issued, issued.export)
    with pytest.raises(CommandError, match="empty database"):
        imported(issued, issued.export)


def test_a_dump_is_verified_whole_without_a_certificate(
    issued: Issued, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = issued.folder
    trust = ["--trust", str(folder / "roots.pem"), "--log-key", str(folder / "log.key")]
    assert main(["log", str(issued.export), *trust]) == 0
    assert "The log is whole" in capsys.readouterr().out
    lines = issued.export.read_text().splitlines(keepends=True)
    (tmp_path / "cut.jsonl").write_text("".join(lines[1:]))
    assert main(["log", str(tmp_path / "cut.jsonl"), *trust]) == 1
    assert main(["log", str(tmp_path / "nothing"), *trust]) == 2
