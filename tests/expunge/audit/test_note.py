"""A checkpoint says one thing, and only its key can have said it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from expunge.audit import note

TEXT = note.CheckpointText("log.example", 3, b"\x07" * 32)


@pytest.fixture(scope="module")
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def line(key: Ed25519PrivateKey, name: str = "log.example") -> str:
    return note.verifier_key(name, key.public_key())


def test_a_signed_checkpoint_reads_back(key: Ed25519PrivateKey) -> None:
    signed = note.sign(TEXT, "log.example", key)
    assert signed.startswith("log.example\n3\n")
    assert note.verify(signed, line(key)) == TEXT


def test_a_line_added_by_a_cosigner_does_no_harm(key: Ed25519PrivateKey) -> None:
    other = note.sign(TEXT, "witness.example", Ed25519PrivateKey.generate()).splitlines()[-1]
    assert note.verify(note.sign(TEXT, "log.example", key) + other + "\n", line(key)) == TEXT


def test_another_size_under_the_same_signature_is_refused(key: Ed25519PrivateKey) -> None:
    forged = note.sign(TEXT, "log.example", key).replace("\n3\n", "\n4\n")
    with pytest.raises(note.NoteError, match="does not hold"):
        note.verify(forged, line(key))


def test_another_key_is_refused(key: Ed25519PrivateKey) -> None:
    with pytest.raises(note.NoteError, match="not signed by"):
        note.verify(note.sign(TEXT, "log.example", key), line(Ed25519PrivateKey.generate()))


@pytest.mark.parametrize("bad", ["", "name+00", "name+00000000+!!", "name+00000000+AQ=="])
def test_a_key_that_cannot_be_read_says_so(key: Ed25519PrivateKey, bad: str) -> None:
    with pytest.raises(note.NoteError, match="log key"):
        note.verify(note.sign(TEXT, "log.example", key), bad)
