"""PAdES B-LTA: the PDF's signature, its timestamp, its validation material, its archive timestamp.

The signature certifies the document with no changes allowed. Its field is invisible; the page
prints a signature block of its own, because a default stamp would break PDF/A.

Source: ETSI EN 319 142-1 (PAdES baseline), by pyHanko.
"""

from __future__ import annotations

import asyncio
import io
from datetime import datetime

from asn1crypto import crl as asn1_crl
from asn1crypto import pem as asn1_pem
from asn1crypto import x509 as asn1_x509
from django.conf import settings
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, PdfTimeStamper, Signer
from pyhanko.sign.signers.pdf_signer import DSSContentSettings, TimestampDSSContentSettings
from pyhanko.sign.validation import async_validate_pdf_timestamp
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError
from pyhanko_certvalidator.fetchers.requests_fetchers import RequestsFetcherBackend
from pyhanko_certvalidator.registry import SimpleCertificateStore

from expunge.audit.keys import signing_folder, trust_roots
from expunge.audit.timestamps import answering, timestamper
from expunge.certificates.keys import document_credential
from expunge.common.pki import revocation_list
from expunge.common.signers import SigningKey
from expunge.common.waiting import wait_for

FIELD = "Certificate"
DIGEST = "sha256"
LARGEST = 512
"""Bytes of the longest signature: RSA with 4096 bits."""


class RenewalError(RuntimeError):
    """An archive timestamp can no longer be renewed."""


def sign_pdf(pdf: bytes, *, name: str) -> bytes:
    """Return the PDF with its signature appended; ``name`` is the issuer as printed.

    Raises:
        pyhanko.sign.general.SigningError: A certificate of the chain does not hold.
        TimestampUnavailableError: The authority did not answer, or not as it should.
    """
    metadata = PdfSignatureMetadata(
        field_name=FIELD,
        name=name,
        reason="Issued by the platform after verification",
        md_algorithm=DIGEST,
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
        embed_validation_info=True,
        use_pades_lta=True,
        # The archive timestamp comes last and covers every byte before it.
        dss_settings=DSSContentSettings(
            include_vri=False,
            next_ts_settings=TimestampDSSContentSettings(include_vri=False, update_before_ts=True),
        ),
        validation_context=_context(),
    )
    signer = PdfSigner(
        metadata,
        signer=_Elsewhere(document_credential()),
        timestamper=timestamper(),
        new_field_spec=SigFieldSpec(FIELD, readable_field_name="Signature of the issuer"),
    )
    with answering():
        signed = wait_for(signer.async_sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf))))
    return bytes(signed.getvalue())


def renew_pdf(pdf: bytes) -> bytes:
    """Return the PDF with one more archive timestamp behind it, and what shows the last one good.

    Nothing of the file is changed: the older file is the beginning of the newer.

    Raises:
        RenewalError: The last timestamp does not hold any more: it was left too late.
        TimestampUnavailableError: The authority did not answer, or not as it should.
    """
    try:
        with answering():
            return wait_for(_renewed(pdf))
    except (SigningError, SignatureValidationError, ValidationError, PathError) as error:
        raise RenewalError("The last timestamp of the file cannot be renewed any more.") from error


async def _renewed(pdf: bytes) -> bytes:
    *_, last = PdfFileReader(io.BytesIO(pdf)).embedded_timestamp_signatures
    context = _context()
    found = await async_validate_pdf_timestamp(last, context)
    if not (found.intact and found.valid and found.trusted):
        raise SigningError("the last timestamp does not hold")
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    # What shows today that the last timestamp is good; the new one covers it.
    DocumentSecurityStore.supply_dss_in_writer(
        writer, None, paths=(found.validation_path,), validation_context=context
    )
    output = await PdfTimeStamper(timestamper()).async_timestamp_pdf(
        writer,
        DIGEST,
        context,
        dss_settings=TimestampDSSContentSettings(include_vri=False, update_before_ts=True),
    )
    return bytes(output.getvalue())


def archived_until(pdf: bytes) -> datetime:
    """Return until when the certificate of the last archive timestamp is valid."""
    *_, last = PdfFileReader(io.BytesIO(pdf)).embedded_timestamp_signatures
    end: datetime = last.signer_cert.not_valid_after
    return end


class _Elsewhere(Signer):
    """Signs a PDF with a key that may be anywhere."""

    def __init__(self, own: SigningKey) -> None:
        certificates = _certificates(own.chain)
        store = SimpleCertificateStore()
        store.register_multiple([*certificates, *_certificates(trust_roots())])
        super().__init__(signing_cert=certificates[0], cert_registry=store)
        self._key = own.key

    async def async_sign_raw(
        self,
        data: bytes,
        digest_algorithm: str,
        dry_run: bool = False,  # noqa: FBT001, FBT002 - pyHanko calls it so
    ) -> bytes:
        """Return the signature of what the PDF's container has to sign."""
        if digest_algorithm != DIGEST:
            raise SigningError("PDFs are signed over SHA-256 here")
        return bytes(LARGEST) if dry_run else await asyncio.to_thread(self._key.sign, data)


def _context() -> ValidationContext:
    """Return what the embedded validation material is collected with.

    A local authority hands over its revocation list; any other is asked over the network.
    """
    local = revocation_list(signing_folder())
    alone = local is not None and not settings.EXPUNGE_TSA_URL
    return ValidationContext(
        trust_roots=_certificates(trust_roots()),
        allow_fetching=not alone,
        fetcher_backend=RequestsFetcherBackend(),
        crls=[asn1_crl.CertificateList.load(local)] if local else [],
        revocation_mode="require" if alone else "soft-fail",
    )


def _certificates(chain: bytes) -> list[asn1_x509.Certificate]:
    return [asn1_x509.Certificate.load(der) for _, _, der in asn1_pem.unarmor(chain, multiple=True)]
