"""What is attached: the signed statement, and the log's proof that it was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contract.canonical import digest_bytes
from expunge.audit import checkpoint as notes
from expunge.audit import merkle
from expunge.audit.actions import AuditAction
from expunge.audit.checkpoint import Checkpoint, CheckpointError, NoteKey
from expunge.audit.merkle import ProofError
from expunge.certificates.envelope import STATUS_TYPE, Envelope, EnvelopeError, unseal
from expunge.certificates.evidence import EvidenceError, LogProof
from expunge.certificates.offline.findings import Refusal
from expunge.certificates.offline.trust import Roots, require_chain, timestamp_moment
from expunge.certificates.schema import SchemaError, require_shape
from expunge.certificates.statement import PREDICATE_TYPE, STATEMENT_TYPE
from expunge.certificates.status import StatusList, read_status
from expunge.common.strict import strict_json


@dataclass(frozen=True)
class Stated:
    """A statement whose signature holds."""

    envelope: Envelope
    predicate: dict[str, Any]

    @property
    def digest(self) -> str:
        """Return the digest by which the log knows it."""
        return digest_bytes(self.envelope.payload)


@dataclass(frozen=True)
class Recorded:
    """An entry that the log holds: its proof, the checkpoint over it, and when that was signed."""

    proof: LogProof
    checkpoint: Checkpoint
    moment: datetime


def read_statement(data: bytes, roots: Roots, moment: datetime) -> Stated:
    """Return the statement of an envelope; raises :class:`Refusal`."""
    try:
        envelope = unseal(data)
        said = strict_json(envelope.payload)
        kinds = (said["_type"], said["predicateType"])
        predicate = dict(said["predicate"])
    except EnvelopeError as error:
        raise Refusal(f"{str(error).capitalize()}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal("The attached statement is not readable.") from error
    if kinds != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise Refusal("The attached statement is not a certificate's.")
    try:
        require_shape(said)
    except SchemaError as error:
        raise Refusal(f"The attached statement has not a certificate's shape: {error}.") from error
    require_chain(envelope.certificate, roots, moment, "code_signing", "the statement")
    return Stated(envelope, predicate)


def read_status_list(data: bytes, roots: Roots, stated: Stated) -> StatusList:
    """Return a signed status list that can speak of this statement; raises :class:`Refusal`."""
    try:
        envelope = unseal(data, STATUS_TYPE)
        content = read_status(strict_json(envelope.payload))
        issued_at = datetime.fromisoformat(stated.predicate["issued_at"])
    except (EnvelopeError, ValueError, KeyError, TypeError) as error:
        raise Refusal("The status list is not readable, or its signature is wrong.") from error
    require_chain(envelope.certificate, roots, content.issued_at, "code_signing", "the status list")
    if content.log != stated.predicate["log"]:
        raise Refusal("The status list is of another platform than the certificate.")
    if content.issued_at < issued_at:
        raise Refusal("The status list is older than the certificate and says nothing about it.")
    return content


def read_recorded(proof: LogProof, keys: Sequence[NoteKey], roots: Roots, what: str) -> Recorded:
    """Return an entry that is shown to be in the log; raises :class:`Refusal`."""
    moment = timestamp_moment(
        proof.token, proof.checkpoint.encode(), roots, f"the checkpoint over {what}"
    )
    try:
        checkpoint = notes.verify(proof.checkpoint, *keys, at=moment)
        merkle.verify_inclusion(
            merkle.leaf_hash(proof.leaf),
            proof.seq,
            checkpoint.size,
            proof.path,
            checkpoint.root,
        )
    except (CheckpointError, ProofError) as error:
        raise Refusal(f"The log does not vouch for {what}: {error}.") from error
    return Recorded(proof, checkpoint, moment)


def renewed_from(proof: LogProof) -> int | None:
    """Return how long the file was that an entry says was renewed; ``None`` for any other entry."""
    try:
        entry = proof.entry
        if entry["action"] != AuditAction.CERTIFICATE_RENEWED:
            return None
        return int(entry["data"]["renews"]["length"])
    except (EvidenceError, KeyError, TypeError, ValueError) as error:
        raise Refusal("The log entry of this very file is not readable.") from error


def require_entry(
    recorded: Recorded, action: AuditAction, stated: Stated, said: dict[str, Any], what: str
) -> None:
    """Refuse an entry that records something else than this action on this certificate."""
    try:
        entry = recorded.proof.entry
        fits = (
            entry["action"] == action
            and entry["subject"]["certificate"] == stated.predicate["id"]
            and entry["data"]["number"] == stated.predicate["number"]
            and entry["data"]["statement"] == stated.digest
            and all(entry["data"][name] == value for name, value in said.items())
        )
    except (EvidenceError, KeyError, TypeError) as error:
        raise Refusal(f"The log entry of {what} is not readable.") from error
    if not fits:
        raise Refusal(f"The log entry given is not that of {what}: it records something else.")
