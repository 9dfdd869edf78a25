"""Whom to believe: certificate chains to the given roots, and RFC 3161 timestamps."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import cms as asn1_cms
from asn1crypto import pem as asn1_pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError

from expunge.audit.checkpoint import NoteKey
from expunge.certificates.offline.findings import Refusal

Roots = Sequence[asn1_x509.Certificate]


@dataclass(frozen=True)
class Trust:
    """What the auditor got by another way than the certificate itself."""

    roots: Roots
    log_keys: Sequence[NoteKey]
    cosigners: Sequence[NoteKey] = ()


def read_roots(pem: bytes) -> Roots:
    """Read root certificates; raises ``ValueError`` when there is none."""
    found = [asn1_x509.Certificate.load(der) for _, _, der in asn1_pem.unarmor(pem, multiple=True)]
    if not found:
        raise ValueError("the file of roots holds no certificate")
    return found


def common_name(certificate: asn1_x509.Certificate) -> str:
    """Return the name a certificate is issued to."""
    return str(certificate.subject.native.get("common_name", certificate.subject.human_friendly))


def require_chain(
    certificate: x509.Certificate, roots: Roots, moment: datetime, usage: str, whose: str
) -> None:
    """Refuse a certificate that the roots did not issue for this use, valid at the moment."""
    validator = CertificateValidator(
        asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)),
        validation_context=_context(roots, moment),
    )
    try:
        asyncio.run(
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
        content = asn1_cms.ContentInfo.load(token, strict=True)
        signed = content["content"]
        info = signed["encap_content_info"]["content"].parsed
        moment = info["gen_time"].native
        said = asyncio.run(
            validate_tst_signed_data(
                signed,
                _context(roots, moment),
                lambda algorithm: hashlib.new(algorithm, stamped).digest(),
            )
        )
        status = TimestampSignatureStatus(**said)
    except Exception as error:  # a token can be broken in every way a parser knows
        raise Refusal(f"The timestamp of {what} cannot be read or is of other bytes.") from error
    if not (status.intact and status.valid and status.trusted):
        raise Refusal(f"The timestamp of {what} is not of an authority under the given roots.")
    return status.timestamp


def _context(roots: Roots, moment: datetime) -> ValidationContext:
    return ValidationContext(
        trust_roots=list(roots), allow_fetching=False, moment=moment, revocation_mode="soft-fail"
    )
