"""The PDF: is it one signed, certified, timestamped file, unchanged to its last byte?"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import crl as asn1_crl
from asn1crypto import parser as asn1_parser
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.general import find_unique_cms_attribute
from pyhanko.sign.validation.ades import AdESLTAValidationResult, ades_lta_validation
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.policy_decl import (
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)
from pyhanko_certvalidator.registry import SimpleTrustManager

from expunge.audit.tokens import TokenError, chain_context, stamp_moment
from expunge.certificates.offline.findings import Refusal
from expunge.certificates.offline.trust import Roots, common_name
from expunge.common.waiting import wait_for

FIELD = "Certificate"
DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36"


@dataclass(frozen=True)
class SignedFile:
    """A PDF that holds: who signed it, when at the latest, and what is attached."""

    signer: str
    signed_at: datetime
    attachments: Mapping[str, bytes]


def read_signed(pdf: bytes, roots: Roots, at: datetime | None = None) -> SignedFile:
    """Return the signed file; ``at`` is the moment to judge from, now when it is not given.

    Raises:
        Refusal: Anything about the file does not hold.
    """
    try:
        reader = PdfFileReader(io.BytesIO(pdf))
        signature, stamps = _only_signature(reader, pdf)
        if len(stamps) > 1:
            at = _peeled(stamps[1:], roots, at or datetime.now(UTC))
            issued = pdf[: _end(stamps[0])]
            _require_only_stamps(signature)
            signature, _ = _only_signature(PdfFileReader(io.BytesIO(issued)), issued)
        outcome = wait_for(ades_lta_validation(signature, _policy(roots), _timing(at)))
        attachments = _attachments(reader)
    except Refusal:
        raise
    except Exception as error:  # a broken file can fail in every way a parser knows
        raise Refusal("The file cannot be read as a signed PDF: it was altered.") from error
    _require(signature, outcome)
    return SignedFile(common_name(signature.signer_cert), outcome.best_signature_time, attachments)


def _peeled(renewals: Sequence[EmbeddedPdfSignature], roots: Roots, at: datetime) -> datetime:
    """Return the moment of the first renewal; what it covers is to be judged from then.

    The newest timestamp is judged from ``at``; it shows that all before it was there at its
    moment, from which the one before is judged, and so on (EN 319 102-1, section 5.6.3.2).
    """
    for stamp in reversed(renewals):
        _require_unrevoked(stamp)
        try:
            moment = stamp_moment(stamp.signed_data, stamp.compute_digest, chain_context(roots, at))
        except TokenError as error:
            raise Refusal(
                f"The timestamp of a renewal does not hold, or it ended: it {error}."
            ) from error
        if moment > at:
            raise Refusal("The timestamps of the file are not in the order of their moments.")
        at = moment
    return at


def _require_unrevoked(stamp: EmbeddedPdfSignature) -> None:
    """Refuse a timestamp whose key a revocation list in the file names."""
    key = stamp.signer_cert
    for item in DocumentSecurityStore.read_dss(stamp.reader).crls:
        listed = asn1_crl.CertificateList.load(item.get_object().data)
        revoked = listed["tbs_cert_list"]["revoked_certificates"] or ()
        serials = {entry["user_certificate"].native for entry in revoked}
        if listed.issuer == key.issuer and key.serial_number in serials:
            raise Refusal("The key of a renewal's timestamp was revoked.")


def _require_only_stamps(signature: EmbeddedPdfSignature) -> None:
    """Refuse anything but timestamps and what shows them good behind the signed file."""
    signature.compute_integrity_info()
    if not signature.summarise_integrity_info()["docmdp_ok"]:
        raise Refusal("The file was altered after it was signed.")


def _only_signature(
    reader: PdfFileReader, pdf: bytes
) -> tuple[EmbeddedPdfSignature, Sequence[EmbeddedPdfSignature]]:
    """Return the one signature and its archive timestamps, which reach up to the last byte."""
    found: list[EmbeddedPdfSignature] = reader.embedded_signatures
    if not found or found[0].field_name != FIELD or found[0].sig_object_type != "/Sig":
        raise Refusal("The file carries no signature of an issuer.")
    if len(found) == 1 or any(item.sig_object_type != "/DocTimeStamp" for item in found[1:]):
        raise Refusal("The file carries other signatures than one issuer's and its timestamps.")
    if found[0].docmdp_level != MDPPerm.NO_CHANGES:
        raise Refusal("The signature does not forbid changes, as a certificate's must.")
    for item in found:
        _require_tight(item, pdf)
        _require_digest(item)
    if _end(found[-1]) != len(pdf):
        raise Refusal("The file was added to: bytes follow what its last timestamp covers.")
    return found[0], found[1:]


def _end(signature: EmbeddedPdfSignature) -> int:
    """Return how much of the file a signature covers, from its first byte on."""
    start, _, tail, length = (int(value) for value in signature.byte_range)
    if start != 0:
        raise Refusal("The file was altered in the place of a signature.")
    return tail + length


def _require_tight(signature: EmbeddedPdfSignature, pdf: bytes) -> None:
    """Refuse bytes hidden in the one gap that a signature cannot cover: its own place."""
    _, length, tail, _ = (int(value) for value in signature.byte_range)
    gap = pdf[length:tail].decode("latin-1")
    contents = bytes.fromhex(gap[1:-1])
    filled = any(contents[asn1_parser.peek(contents) :])
    if gap[:1] != "<" or gap[-1:] != ">" or gap != gap.upper() or filled:
        raise Refusal("The file was altered in the place of a signature.")


def _require_digest(signature: EmbeddedPdfSignature) -> None:
    """Refuse bytes that are not those signed or stamped, before much is made of them."""
    if signature.sig_object_type == "/DocTimeStamp":
        info = signature.signed_data["encap_content_info"]["content"].parsed
        claimed = info["message_imprint"]["hashed_message"].native
    else:
        attributes = signature.signer_info["signed_attrs"]
        claimed = find_unique_cms_attribute(attributes, "message_digest").native
    if signature.compute_digest() != claimed:
        raise Refusal("The file was altered after it was signed.")


def _require(signature: EmbeddedPdfSignature, outcome: AdESLTAValidationResult) -> None:
    status = outcome.api_status
    if status is None or not status.intact or not status.valid:
        raise Refusal("The file was altered after it was signed.")
    if not status.trusted:
        raise Refusal("The file was signed with a key that the given roots did not issue.")
    usage = signature.signer_cert.extended_key_usage_value
    if usage is None or DOCUMENT_SIGNING not in [item.dotted for item in usage]:
        raise Refusal("The file was signed with a key that was issued for another use.")
    if not status.bottom_line or outcome.ades_subindic.status.name != "PASSED":
        raise Refusal("The signature does not hold to the PAdES standard for long-term evidence.")


def _attachments(reader: PdfFileReader) -> dict[str, bytes]:
    names = reader.root["/Names"]["/EmbeddedFiles"]["/Names"]
    files = [names[place] for place in range(1, len(names), 2)]
    return {str(item["/UF"]): bytes(item["/EF"]["/F"].data) for item in files}


def _timing(at: datetime | None) -> ValidationTimingInfo | None:
    return ValidationTimingInfo(at, at, point_in_time_validation=False) if at else None


def _policy(roots: Roots) -> PdfSignatureValidationSpec:
    """Return how chains are judged, with what the file itself carries and nothing else.

    The issuer's key must be shown not to have been revoked when it signed. Whether the
    timestamp authority was revoked since cannot be known without a network.
    """
    needed, unknown = RevocationCheckingRule.CRL_OR_OCSP_REQUIRED, RevocationCheckingRule.NO_CHECK
    return PdfSignatureValidationSpec(
        SignatureValidationSpec(
            cert_validation_policy=_chains(roots, needed),
            ts_cert_validation_policy=_chains(roots, unknown),
            revinfo_gathering_policy=RevocationInfoGatheringSpec(
                online_fetching_rule=RevinfoOnlineFetchingRule.LOCAL_ONLY
            ),
        )
    )


def _chains(roots: Roots, rule: RevocationCheckingRule) -> CertValidationPolicySpec:
    return CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=list(roots)),
        revinfo_policy=CertRevTrustPolicy(RevocationCheckingPolicy(rule, rule)),
    )
