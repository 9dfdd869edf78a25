"""What travels with a certificate: inside the PDF, and beside it. Pure: no Django.

Inside: the signed statement, the log entry that recorded it with its proof, the signed
checkpoint and its timestamp. Beside: the same for the entry that recorded the finished PDF,
because no file can hold its own proof.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract.canonical import digest_bytes
from expunge.common.strict import strict_base64, strict_json, strict_number, strict_object

ENVELOPE_FILE = "statement.dsse.json"
PROOF_FILE = "log-entry.json"
DESCRIPTIONS: Mapping[str, str] = {
    ENVELOPE_FILE: "The certificate as a signed in-toto statement (DSSE)",
    PROOF_FILE: "The log entry of the statement, its proof, the signed checkpoint and timestamp",
}
PROOF_SCHEMA = "expunge.log-proof/1"
SIDECAR_SCHEMA = "expunge.sidecar/1"
NAMES = ("schema", "seq", "leaf", "path", "checkpoint", "timestamp", "cosignatures")


class EvidenceError(ValueError):
    """A proof or a sidecar cannot be read."""


@dataclass(frozen=True)
class LogProof:
    """An entry of the log, its audit path, and the signed and timestamped checkpoint over it.

    ``cosignatures`` are the lines that others added to the checkpoint after it was timestamped.
    """

    seq: int
    leaf: bytes
    path: Sequence[bytes]
    checkpoint: str
    token: bytes
    cosignatures: str = ""

    @property
    def cosigned(self) -> str:
        """Return the checkpoint with every line that others added."""
        return self.checkpoint + self.cosignatures

    @property
    def entry(self) -> dict[str, Any]:
        """Return what the entry says; raises :class:`EvidenceError`."""
        try:
            said = strict_json(self.leaf)
        except ValueError as error:
            raise EvidenceError("the log entry is not readable") from error
        if not isinstance(said, dict) or not isinstance(said.get("data"), dict):
            raise EvidenceError("the log entry is not readable")
        return said


def write_proof(proof: LogProof, schema: str = PROOF_SCHEMA) -> bytes:
    """Return a proof as JSON."""
    return json.dumps(
        {
            "schema": schema,
            "seq": proof.seq,
            "leaf": _text(proof.leaf),
            "path": [_text(item) for item in proof.path],
            "checkpoint": proof.checkpoint,
            "timestamp": _text(proof.token),
            **({"cosignatures": proof.cosignatures} if proof.cosignatures else {}),
        },
        indent=1,
    ).encode()


def read_proof(data: bytes, schema: str = PROOF_SCHEMA) -> LogProof:
    """Read a proof; raises :class:`EvidenceError`."""
    try:
        said = strict_object(data, NAMES)
        if said["schema"] != schema:
            raise EvidenceError(f"the file is not of the kind {schema}")
        return LogProof(
            seq=strict_number(said["seq"]),
            leaf=strict_base64(said["leaf"]),
            path=[strict_base64(item) for item in said["path"]],
            checkpoint=str(said["checkpoint"]),
            token=strict_base64(said["timestamp"]),
            cosignatures=str(said.get("cosignatures", "")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError("the proof from the log is not readable") from error


def issued_data(pdf: bytes) -> dict[str, Any]:
    """Return what the log records of a finished PDF."""
    return {"pdf": digest_bytes(pdf), "length": len(pdf)}


def renewed_data(pdf: bytes, before: int) -> dict[str, Any]:
    """Return what the log records of a PDF whose first ``before`` bytes were recorded earlier."""
    return {**issued_data(pdf), "renews": issued_data(pdf[:before])}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
