"""What programs of other people say of our evidence: poppler, qpdf and OpenSSL."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from expunge.audit.export import StampedNote, read_export
from expunge.certificates.evidence import ENVELOPE_FILE
from expunge.certificates.offline.signature import read_signed
from tests.expunge.certificates.conftest import Issued

pytestmark = pytest.mark.django_db  # the certificates are issued from a database, once


def run(*command: str | Path) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_poppler_finds_the_signature_valid_and_the_whole_document_signed(issued: Issued) -> None:
    said = run("pdfsig", "-nocert", issued.folder / "certificate.pdf").split("Signature #")
    _, issuer, archive = said
    assert "Signature is Valid." in issuer
    assert "ETSI.CAdES.detached" in issuer
    assert "Total document signed" in archive


def test_poppler_finds_an_altered_signature_invalid(issued: Issued, tmp_path: Path) -> None:
    changed = bytearray(issued.pdf)
    changed[len(changed) // 3] ^= 1
    (tmp_path / "changed.pdf").write_bytes(changed)
    assert "Signature is Valid." not in run("pdfsig", "-nocert", tmp_path / "changed.pdf")


def test_qpdf_finds_no_error_in_the_file(issued: Issued) -> None:
    said = run("qpdf", "--check", issued.folder / "certificate.pdf")
    assert "No syntax or stream encoding errors found" in said
    assert "WARNING" not in said


def test_openssl_verifies_every_timestamp_of_the_log(issued: Issued, tmp_path: Path) -> None:
    stamped = [item for item in read_export(issued.export) if isinstance(item, StampedNote)]
    assert stamped
    (tmp_path / "roots.pem").write_bytes(issued.roots)
    for item in stamped:
        (tmp_path / "note").write_text(item.note)
        (tmp_path / "token").write_bytes(item.token)
        files = ("-data", tmp_path / "note", "-in", tmp_path / "token", "-token_in")
        said = run("openssl", "ts", "-verify", *files, "-CAfile", tmp_path / "roots.pem")
        assert "Verification: OK" in said


def openssl_verifies(folder: Path, public: bytes, signature: bytes, signed: bytes) -> bool:
    for name, content in (("key", public), ("signature", signature), ("signed", signed)):
        (folder / name).write_bytes(content)
    files = ("-inkey", folder / "key", "-sigfile", folder / "signature", "-in", folder / "signed")
    said = run("openssl", "pkeyutl", "-verify", "-pubin", "-rawin", *files)
    return "Signature Verified Successfully" in said


def test_openssl_verifies_the_statement(issued: Issued, tmp_path: Path) -> None:
    envelope = json.loads(read_signed(issued.pdf, issued.trust.roots).attachments[ENVELOPE_FILE])
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    (signature,) = envelope["signatures"]
    key = x509.load_pem_x509_certificate(signature["cert"].encode()).public_key()
    public = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    value = base64.b64decode(signature["sig"])
    assert openssl_verifies(tmp_path, public, value, signed)
    assert not openssl_verifies(tmp_path, public, value, signed + b" ")


def test_openssl_verifies_a_checkpoint(issued: Issued, tmp_path: Path) -> None:
    note = next(item.note for item in read_export(issued.export) if isinstance(item, StampedNote))
    body, _, line = note.partition("\n\n")
    signature = base64.b64decode(line.split()[-1])[4:]
    public = bytes.fromhex("302a300506032b6570032100") + issued.key.raw
    (tmp_path / "der").write_bytes(public)
    run(
        "openssl",
        "pkey",
        "-pubin",
        "-inform",
        "DER",
        "-in",
        tmp_path / "der",
        "-out",
        tmp_path / "pem",
    )
    pem = (tmp_path / "pem").read_bytes()
    assert openssl_verifies(tmp_path, pem, signature, (body + "\n").encode())
