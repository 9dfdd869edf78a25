"""The offline verifier believes what holds, and catches every way we know to cheat."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from expunge.audit.checkpoint import public_key
from expunge.audit.export import read_export
from expunge.audit.replay import Entry
from expunge.certificates.envelope import seal, unseal
from expunge.certificates.evidence import ENVELOPE_FILE, PROOF_FILE, read_proof
from expunge.certificates.keys import statement_credential
from expunge.certificates.kinds import CERTIFYING, Kind
from expunge.certificates.offline import Outcome, Trust, main, verify
from expunge.certificates.offline.command import as_text
from expunge.certificates.offline.findings import Finding
from expunge.certificates.offline.signature import read_signed
from expunge.certificates.offline.trust import read_roots
from expunge.certificates.pdf import Imprint, render_pdf
from expunge.certificates.signing import sign_pdf
from expunge.common.pki import CODE_SIGNING, DOCUMENT_SIGNING, credential, elliptic
from tests.expunge.certificates.conftest import Issued

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db  # the certificates are issued from a database, once


def failed(outcome: Outcome) -> list[str]:
    return [item.subject for item in outcome.findings if item.holds is False]


def test_an_honest_certificate_is_valid_in_every_respect(issued: Issued) -> None:
    outcome = verify(issued.pdf, issued.trust, sidecar=issued.sidecar, export=issued.export)
    assert [item.holds for item in outcome.findings] == [True] * 5 + [None], outcome.findings
    assert outcome.predicate is not None and outcome.predicate["kind"] == "erasure"


def test_without_sidecar_and_log_it_says_what_it_did_not_check(issued: Issued) -> None:
    outcome = verify(issued.pdf, issued.trust)
    assert outcome.valid
    assert [item.holds for item in outcome.findings] == [True, True, True, None, None, None]
    assert "Not checked" in outcome.findings[3].sentence


@pytest.mark.parametrize("years", [3, 12])
def test_it_still_holds_years_later(issued: Issued, years: int) -> None:
    later = datetime.now(UTC) + timedelta(days=365 * years)
    assert failed(verify(issued.pdf, issued.trust, sidecar=issued.sidecar, at=later)) == []


def positions(pdf: bytes, count: int) -> list[int]:
    chosen = random.Random(11).sample(range(len(pdf)), count)  # noqa: S311 - places, not secrets
    return sorted([*chosen, 0, len(pdf) - 1])


def test_a_changed_byte_anywhere_is_caught_by_the_sidecar(issued: Issued) -> None:
    for position in positions(issued.pdf, 4):
        changed = bytearray(issued.pdf)
        changed[position] ^= 1
        outcome = verify(bytes(changed), issued.trust, sidecar=issued.sidecar)
        assert not outcome.valid, position


def test_a_changed_byte_is_caught_without_the_sidecar_too(issued: Issued) -> None:
    # The last timestamp cannot vouch for every byte of its own container; the sidecar can.
    container = issued.pdf.rindex(b"/Contents")
    for position in positions(issued.pdf[:container], 12):
        changed = bytearray(issued.pdf)
        changed[position] ^= 1
        assert "signature" in failed(verify(bytes(changed), issued.trust)), position


@pytest.mark.parametrize("junk", [b"\n", b"junk", b"\n%%EOF\n"])
def test_junk_after_the_end_is_caught(issued: Issued, junk: bytes) -> None:
    assert not verify(issued.pdf + junk, issued.trust).valid
    outcome = verify(issued.pdf + junk, issued.trust, sidecar=issued.sidecar)
    assert "this very file" in failed(outcome)


def test_a_file_cut_short_is_caught(issued: Issued) -> None:
    assert not verify(issued.pdf[:-300], issued.trust, sidecar=issued.sidecar).valid
    assert not verify(b"", issued.trust).valid


def test_another_authority_is_not_believed(issued: Issued, tmp_path: Path) -> None:
    credential(
        tmp_path,
        "document",
        title="Mallory",
        usage=DOCUMENT_SIGNING,
        make=elliptic,
        generate=True,
    )
    other = Trust(read_roots((tmp_path / "roots.pem").read_bytes()), (issued.key,))
    assert "signature" in failed(verify(issued.pdf, other, sidecar=issued.sidecar))


def test_another_log_key_is_not_believed(issued: Issued) -> None:
    other = public_key(issued.key.name, Ed25519PrivateKey.generate())
    outcome = verify(issued.pdf, Trust(issued.trust.roots, (other,)), sidecar=issued.sidecar)
    assert failed(outcome) == ["log entry", "this very file"]


def test_the_sidecar_of_another_certificate_is_refused(issued: Issued) -> None:
    outcome = verify(issued.other, issued.trust, sidecar=issued.sidecar)
    assert failed(outcome) == ["this very file"]


@pytest.mark.parametrize("sidecar", [b"", b"{}", b"[]", b'{"schema": "expunge.sidecar/1"}'])
def test_what_is_no_sidecar_is_refused(issued: Issued, sidecar: bytes) -> None:
    assert failed(verify(issued.pdf, issued.trust, sidecar=sidecar)) == ["this very file"]


@pytest.mark.parametrize("part", ["leaf", "path", "checkpoint", "timestamp", "seq"])
def test_an_altered_sidecar_is_refused(issued: Issued, part: str) -> None:
    said = json.loads(issued.sidecar)
    if part == "seq":
        said[part] += 1
    elif part == "path":
        said[part] = said[part][1:]
    elif part == "checkpoint":
        said[part] = said[part].replace("\n", "\n1", 1)
    else:
        data = bytearray(base64.b64decode(said[part]))
        data[len(data) // 2] ^= 1
        said[part] = base64.b64encode(data).decode()
    changed = json.dumps(said).encode()
    assert failed(verify(issued.pdf, issued.trust, sidecar=changed)) == ["this very file"]


def reissued(issued: Issued, envelope: bytes) -> bytes:
    """Return what a dishonest issuer could make with the real keys and the old log entry."""
    file = read_signed(issued.pdf, issued.trust.roots)
    statement = unseal(file.attachments[ENVELOPE_FILE]).payload
    proof = read_proof(file.attachments[PROOF_FILE])
    imprint = Imprint("sha256:1", "sha256:2", "Expunge certificates", str(issued.key))
    return sign_pdf(render_pdf(statement, envelope, proof, imprint), name="Mallory")


def test_a_statement_rewritten_by_the_issuer_itself_is_not_in_the_log(issued: Issued) -> None:
    file = read_signed(issued.pdf, issued.trust.roots)
    statement = unseal(file.attachments[ENVELOPE_FILE]).payload
    own = statement_credential()
    assert isinstance(own.key, Ed25519PrivateKey)
    forged = statement.replace(b"St. Hildegard", b"St. Mallorys!")
    pdf = reissued(issued, seal(forged, own.key, own.certificate))
    outcome = verify(pdf, issued.trust, sidecar=issued.sidecar)
    assert failed(outcome) == ["log entry", "this very file"]
    assert "records something else" in outcome.findings[2].sentence


def test_an_attached_statement_that_nobody_signed_is_refused(issued: Issued) -> None:
    said = json.loads(read_signed(issued.pdf, issued.trust.roots).attachments[ENVELOPE_FILE])
    said["payload"] = base64.b64encode(b"{}").decode()
    outcome = verify(reissued(issued, json.dumps(said).encode()), issued.trust)
    assert failed(outcome) == ["statement", "log entry"]


def test_a_statement_signed_with_a_strangers_key_is_refused(issued: Issued, tmp_path: Path) -> None:
    stranger = credential(
        tmp_path,
        "statement",
        title="Mallory",
        usage=CODE_SIGNING,
        make=Ed25519PrivateKey.generate,
        generate=True,
    )
    assert isinstance(stranger.key, Ed25519PrivateKey)
    file = read_signed(issued.pdf, issued.trust.roots)
    statement = unseal(file.attachments[ENVELOPE_FILE]).payload
    pdf = reissued(issued, seal(statement, stranger.key, stranger.certificate))
    outcome = verify(pdf, issued.trust)
    assert failed(outcome) == ["statement", "log entry"]
    assert "not issued by the given roots" in outcome.findings[1].sentence


def test_a_log_cut_short_is_caught(issued: Issued, tmp_path: Path) -> None:
    lines = issued.export.read_text().splitlines(keepends=True)
    entries = [line for line in lines if '"seq"' in line]
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(entries[:4]))
    outcome = verify(issued.pdf, issued.trust, sidecar=issued.sidecar, export=cut)
    assert failed(outcome) == ["log"]
    assert "cut short" in outcome.findings[4].sentence


def test_a_newer_checkpoint_shows_that_a_log_was_cut_short(issued: Issued, tmp_path: Path) -> None:
    lines = issued.export.read_text().splitlines(keepends=True)
    newest = json.loads(lines[-1])["checkpoint"]
    kept = [line for line in lines if '"seq"' in line][:-1]
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(kept))
    honest = verify(issued.pdf, issued.trust, sidecar=issued.sidecar, export=cut)
    assert honest.valid, "nothing known says that more entries were there"
    outcome = verify(
        issued.pdf, issued.trust, sidecar=issued.sidecar, export=cut, checkpoints=[newest]
    )
    assert failed(outcome) == ["log"]


def test_a_rewritten_log_is_caught(issued: Issued, tmp_path: Path) -> None:
    items = [item for item in read_export(issued.export) if isinstance(item, Entry)]
    forged = items[2].data.replace(b"system:w", b"system:m")
    lines = issued.export.read_text().splitlines(keepends=True)
    lines[2] = json.dumps({"seq": 2, "data": base64.b64encode(forged).decode()}) + "\n"
    rewritten = tmp_path / "rewritten.jsonl"
    rewritten.write_text("".join(lines))
    outcome = verify(issued.pdf, issued.trust, sidecar=issued.sidecar, export=rewritten)
    assert failed(outcome) == ["log"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "expunge.certificates.offline", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", "PATH": "/usr/bin:/bin"},
    )


def files(issued: Issued) -> list[str]:
    folder = issued.folder
    return [
        str(folder / "certificate.pdf"),
        *("--trust", str(folder / "roots.pem")),
        *("--log-key", str(folder / "log.key")),
        *("--sidecar", str(folder / "certificate.json")),
        *("--log", str(issued.export)),
    ]


def test_the_command_speaks_in_sentences_and_exit_codes(issued: Issued, tmp_path: Path) -> None:
    done = run(*files(issued))
    assert done.returncode == 0, done.stderr
    assert "VALID. Certificate of erasure EC-" in done.stdout
    assert "Not shown:" in done.stdout
    changed = tmp_path / "changed.pdf"
    changed.write_bytes(issued.pdf + b"x")
    done = run(str(changed), *files(issued)[1:])
    assert done.returncode == 1
    assert "NOT VALID" in done.stdout


def test_the_command_speaks_json(issued: Issued, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*files(issued), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["valid"] is True
    assert said["certificate"]["kind"] == "erasure"
    assert said["certificate"]["is_certificate"] is True
    assert [item["holds"] for item in said["findings"]] == [*[True] * 5, None]


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_no_certificate_is_not_called_one(kind: Kind) -> None:
    said = {
        **dict.fromkeys(("number", "issuer", "controller", "ticket"), "x"),
        "kind": str(kind),
    }
    text = as_text(Outcome([Finding("signature", holds=True, sentence="It holds.")], said))
    assert ("NOT A CERTIFICATE" in text) is (kind not in CERTIFYING)
    assert ("This is not a certificate." in text) is (kind not in CERTIFYING)


@pytest.mark.parametrize("missing", ["--trust", "--log-key", "certificate"])
def test_files_that_are_not_there_are_a_matter_of_usage(issued: Issued, missing: str) -> None:
    arguments = files(issued)
    place = 0 if missing == "certificate" else arguments.index(missing) + 1
    arguments[place] = str(issued.folder / "nothing")
    assert main(arguments) == 2


def test_a_certificate_is_no_log_key(issued: Issued) -> None:
    arguments = files(issued)
    arguments[arguments.index("--log-key") + 1] = str(issued.folder / "roots.pem")
    assert main(arguments) == 2


@pytest.mark.parametrize("program", ["expunge.certificates.offline", "expunge.audit.cosigner"])
def test_the_programs_of_an_auditor_load_no_django(program: str) -> None:
    code = f"import sys, {program}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", "PATH": "/usr/bin:/bin"},
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not {"django", "celery", "rest_framework", "torch", "weasyprint"} & loaded


def test_the_roots_are_the_only_certificates_an_auditor_needs(issued: Issued) -> None:
    (root,) = x509.load_pem_x509_certificates(issued.roots)
    assert root.public_bytes(Encoding.PEM) == issued.roots
