"""All checks of one certificate, in the order in which each rests on the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from expunge.audit.actions import AuditAction
from expunge.audit.checkpoint import CheckpointError, NoteKey, parse
from expunge.audit.cosignature import cosigned_at
from expunge.certificates.evidence import (
    ENVELOPE_FILE,
    PROOF_FILE,
    PROOF_SCHEMA,
    SIDECAR_SCHEMA,
    EvidenceError,
    issued_data,
    read_proof,
    renewed_data,
)
from expunge.certificates.kinds import WORDING, Kind
from expunge.certificates.offline.findings import Finding, Refusal, all_hold, finding
from expunge.certificates.offline.log import read_log
from expunge.certificates.offline.signature import SignedFile, read_signed
from expunge.certificates.offline.statement import (
    Recorded,
    Stated,
    read_recorded,
    read_statement,
    read_status_list,
    renewed_from,
    require_entry,
)
from expunge.certificates.offline.trust import Trust
from expunge.certificates.status import Revoked

NO_STATUS = "Not checked: no status list was given, so a revocation would not be noticed."


@dataclass(frozen=True)
class Outcome:
    """What was found; ``predicate`` is what the certificate says, once its signature holds."""

    findings: Sequence[Finding]
    predicate: dict[str, Any] | None
    revoked: Revoked | None = None

    @property
    def valid(self) -> bool:
        """Say whether everything that could be looked at holds, and nothing revoked it."""
        return all_hold(self.findings) and self.revoked is None


def verify(  # noqa: PLR0913 - the file, whom to trust, and four things that may be at hand
    pdf: bytes,
    trust: Trust,
    *,
    sidecar: bytes | None = None,
    export: Path | None = None,
    status: bytes | None = None,
    checkpoints: Sequence[str] = (),
    at: datetime | None = None,
) -> Outcome:
    """Check a certificate against what is at hand; never raises for a bad one."""
    looking = _Looking(pdf, trust, at)
    findings = [
        finding("signature", looking.signature),
        finding("statement", looking.statement),
        finding("log entry", looking.entry),
    ]
    if sidecar is None:
        missing = "Not checked: without the sidecar, the log's record of this very file is missing."
        findings.append(Finding("this very file", None, missing))
    else:
        findings.append(finding("this very file", lambda: looking.sidecar(sidecar)))
    if export is None:
        findings.append(Finding("log", None, "Not checked: no export of the log was given."))
    else:
        findings.append(finding("log", lambda: looking.log(export, checkpoints)))
    if trust.cosigners:
        findings.append(finding("cosigners", looking.cosigners))
    if status is None:
        findings.append(Finding("revocation", None, NO_STATUS))
    else:
        findings.append(finding("revocation", lambda: looking.status(status)))
    predicate = looking.stated.predicate if looking.stated else None
    return Outcome(findings, predicate, looking.revoked)


class _Looking:
    """One certificate under examination: each look keeps what the next one rests on."""

    def __init__(self, pdf: bytes, trust: Trust, at: datetime | None) -> None:
        self.pdf, self.trust, self.at = pdf, trust, at
        self.file: SignedFile | None = None
        self.stated: Stated | None = None
        self.held: list[Recorded] = []
        self.cosigned: list[str] = []
        self.revoked: Revoked | None = None

    def signature(self) -> str:
        self.file = read_signed(self.pdf, self.trust.roots, self.at)
        return (
            f"The file is as '{self.file.signer}' signed it, no later than "
            f"{_moment(self.file.signed_at)}, and was not changed since."
        )

    def statement(self) -> str:
        file = self._file()
        self.stated = read_statement(
            _attached(file, ENVELOPE_FILE), self.trust.roots, file.signed_at
        )
        title = WORDING[Kind(self.stated.predicate["kind"])].title
        return f"The attached statement is signed: {title}."

    def entry(self) -> str:
        proof = _proof(_attached(self._file(), PROOF_FILE), PROOF_SCHEMA)
        recorded = self._recorded(proof, AuditAction.CERTIFICATE_STATEMENT, {}, "the statement")
        return (
            f"The audit log '{recorded.checkpoint.origin}' recorded this statement as entry "
            f"{recorded.proof.seq}, under a checkpoint timestamped {_moment(recorded.moment)}."
        )

    def sidecar(self, data: bytes) -> str:
        proof = _proof(data, SIDECAR_SCHEMA)
        before = renewed_from(proof)
        if before is None:
            action, said = AuditAction.CERTIFICATE_ISSUED, issued_data(self.pdf)
        else:
            action, said = AuditAction.CERTIFICATE_RENEWED, renewed_data(self.pdf, before)
        recorded = self._recorded(proof, action, said, "this very file")
        renewed = "" if before is None else f", a renewed archive of the first {before}"
        return (
            f"The log recorded this very file, all {said['length']} bytes of it{renewed}, as entry "
            f"{recorded.proof.seq}, under a checkpoint timestamped {_moment(recorded.moment)}."
        )

    def log(self, export: Path, checkpoints: Sequence[str]) -> str:
        digest = self.stated.digest if self.stated else None
        replayed = read_log(export, self.trust, self.held, checkpoints, digest)
        self.revoked = replayed.revoked or self.revoked
        self.cosigned += replayed.cosigned
        return replayed.sentence

    def cosigners(self) -> str:
        seq = max((item.proof.seq for item in self.held), default=None)
        if seq is None:
            raise Refusal("No entry of the log was shown, so nobody can have cosigned it.")
        moments = [(key, _cosigned(self.cosigned, key, seq)) for key in self.trust.cosigners]
        if missing := [key.name for key, moment in moments if moment is None]:
            raise Refusal(f"No checkpoint over this document is cosigned by {', '.join(missing)}.")
        who = ", ".join(f"{key.name} on {_moment(moment)}" for key, moment in moments if moment)
        return f"The log's state over this document was cosigned by {who}."

    def status(self, data: bytes) -> str:
        if self.stated is None:
            raise Refusal("The status list has no statement to be compared with.")
        listed = read_status_list(data, self.trust.roots, self.stated)
        self.revoked = listed.find(self.stated.digest) or self.revoked
        found = "names" if self.revoked else "does not name"
        return f"The status list of {_moment(listed.issued_at)} {found} this document."

    def _recorded(
        self, proof: Any, action: AuditAction, said: dict[str, Any], what: str
    ) -> Recorded:
        if self.stated is None:
            raise Refusal(f"The log entry of {what} has no statement to be compared with.")
        recorded = read_recorded(proof, self.trust.log_keys, self.trust.roots, what)
        require_entry(recorded, action, self.stated, said, what)
        self.held.append(recorded)
        self.cosigned.append(proof.cosigned)
        return recorded

    def _file(self) -> SignedFile:
        if self.file is None:
            raise Refusal("Nothing attached to the file can be believed while it does not hold.")
        return self.file


def _cosigned(cosigned: Sequence[str], key: NoteKey, seq: int) -> datetime | None:
    """Return when a cosigner first signed a checkpoint that holds an entry."""
    moments = []
    for note in cosigned:
        try:
            if parse(note).size > seq:
                moments.append(cosigned_at(note, key))
        except CheckpointError:
            continue
    return min(moments, default=None)


def _attached(file: SignedFile, name: str) -> bytes:
    if name not in file.attachments:
        raise Refusal(f"The file lacks its attachment {name}.")
    return file.attachments[name]


def _proof(data: bytes, schema: str) -> Any:
    try:
        return read_proof(data, schema)
    except EvidenceError as error:
        raise Refusal(f"{str(error).capitalize()}.") from error


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
