"""Whom to believe: certificate chains to the given roots, and RFC 3161 timestamps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko_certvalidator import CertificateValidator
from pyhanko_certvalidator.errors import PathError, ValidationError

from expunge.audit.checkpoint import NoteKey
from expunge.audit.tokens import Roots, TokenError, chain_context, read_roots, token_moment
from expunge.certificates.offline.findings import Refusal
from expunge.common.waiting import wait_for

__all__ = ["Roots", "Trust", "common_name", "read_roots", "require_chain", "timestamp_moment"]


@dataclass(frozen=True)
class Trust:
    """What the auditor got by another way than the certificate itself."""

    roots: Roots
    log_keys: Sequence[NoteKey]
    cosigners: Sequence[NoteKey] = ()


def common_name(certificate: asn1_x509.Certificate) -> str:
    """Return the name a certificate is issued to."""
    return str(certificate.subject.native.get("common_name", certificate.subject.human_friendly))


def require_chain(
    certificate: x509.Certificate, roots: Roots, moment: datetime, usage: str, whose: str
) -> None:
    """Refuse a certificate that the roots did not issue for this use, valid at the moment."""
    validator = CertificateValidator(
        asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)),
        validation_context=chain_context(roots, moment),
    )
    try:
        wait_for(
            validator.async_validate_usage(
                key_usage={"digital_signature"}, extended_key_usage={usage}
            )
        )
    except (PathError, ValidationError) as error:
        raise Refusal(
            f"The key of {whose} was not issued by the given roots for this use."
        ) from error


def timestamp_moment(token: bytes, stamped: bytes, roots: Roots, what: str) -> datetime:
    """Return when a token says that the bytes existed; refuses a token that does not hold."""
    try:
        return token_moment(token, stamped, roots)
    except TokenError as error:
        raise Refusal(f"The timestamp of {what} does not hold: it {error}.") from error
