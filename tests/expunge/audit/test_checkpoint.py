"""Checkpoints: what was signed is what is read, under the key that was given."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from expunge.audit import checkpoint as notes
from expunge.audit.checkpoint import Checkpoint, CheckpointError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CHECKPOINT = Checkpoint("log.example/audit", 42, bytes(32))
NOTE = notes.sign(CHECKPOINT, KEY)
PUBLIC = notes.public_key("log.example/audit", KEY)


def test_a_checkpoint_reads_back() -> None:
    assert notes.verify(NOTE, PUBLIC) == CHECKPOINT
    assert NOTE.startswith("log.example/audit\n42\n" + base64.b64encode(bytes(32)).decode())


def test_a_key_reads_back_from_its_text() -> None:
    assert notes.parse_key(f"{PUBLIC}\n") == PUBLIC


@pytest.mark.parametrize(
    "text", ["", "name", "name+00000000+AQ==", str(PUBLIC).replace("log", "bog"), "+a+b"]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError):
        notes.parse_key(text)


def test_another_key_of_the_same_name_is_refused() -> None:
    other = notes.public_key("log.example/audit", Ed25519PrivateKey.generate())
    with pytest.raises(CheckpointError, match="has not signed"):
        notes.verify(NOTE, other)


def test_another_log_is_refused() -> None:
    with pytest.raises(CheckpointError, match="another log"):
        notes.verify(NOTE, notes.public_key("bog.example/audit", KEY))


def test_a_cosigner_may_add_a_line() -> None:
    witness = notes.sign(CHECKPOINT, Ed25519PrivateKey.generate()).splitlines()[-1]
    cosigned = NOTE + witness.replace("log.example/audit", "witness.example") + "\n"
    assert notes.verify(cosigned, PUBLIC) == CHECKPOINT


@pytest.mark.parametrize("position", range(len(NOTE)))
def test_a_changed_character_is_noticed(position: int) -> None:
    changed = chr(ord(NOTE[position]) ^ 1)
    with pytest.raises(CheckpointError):
        notes.verify(NOTE[:position] + changed + NOTE[position + 1 :], PUBLIC)


@pytest.mark.parametrize(
    "note",
    ["", "a\nb\nc\n", "a\n1\nAAAA\n\n", "a\n01\n" + "A" * 43 + "=\n\n", NOTE.split("\n\n")[0]],
)
def test_what_is_no_checkpoint_is_refused(note: str) -> None:
    with pytest.raises(CheckpointError):
        notes.verify(note, PUBLIC)
