"""PAdES B-LTA: the PDF's signature, its timestamp, its validation material, its archive timestamp.

The signature certifies the document with no changes allowed. Its field is invisible; the page
prints a signature block of its own, because a default stamp would break PDF/A.

Source: ETSI EN 319 142-1 (PAdES baseline), by pyHanko.
"""

from __future__ import annotations

import asyncio
import io

from asn1crypto import crl as asn1_crl
from asn1crypto import keys as asn1_keys
from asn1crypto import pem as asn1_pem
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.signers.pdf_signer import DSSContentSettings, TimestampDSSContentSettings
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from expunge.audit.keys import signing_folder
from expunge.audit.timestamps import timestamper
from expunge.certificates.keys import document_credential, trust_roots
from expunge.common.pki import revocation_list

FIELD = "Certificate"
DIGEST = "sha256"


def sign_pdf(pdf: bytes, *, name: str) -> bytes:
    """Return the PDF with its signature appended; ``name`` is the issuer as printed.

    Raises:
        pyhanko.sign.general.SigningError: A certificate of the chain does not hold.
        pyhanko.sign.timestamps.TimestampRequestError: The authority did not answer.
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
        signer=_signer(),
        timestamper=timestamper(),
        new_field_spec=SigFieldSpec(FIELD, readable_field_name="Signature of the issuer"),
    )
    signed = asyncio.run(signer.async_sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf))))
    return bytes(signed.getvalue())


def _signer() -> SimpleSigner:
    own = document_credential()
    certificates = _certificates(own.chain)
    store = SimpleCertificateStore()
    store.register_multiple([*certificates, *_certificates(trust_roots())])
    key = own.key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return SimpleSigner(
        signing_cert=certificates[0],
        signing_key=asn1_keys.PrivateKeyInfo.load(key),
        cert_registry=store,
    )


def _context() -> ValidationContext:
    """Return what the embedded validation material is collected with.

    A local authority hands over its revocation list; any other is asked over the network.
    """
    local = revocation_list(signing_folder())
    return ValidationContext(
        trust_roots=_certificates(trust_roots()),
        allow_fetching=local is None,
        crls=[asn1_crl.CertificateList.load(local)] if local else [],
        revocation_mode="soft-fail" if local is None else "require",
    )


def _certificates(chain: bytes) -> list[asn1_x509.Certificate]:
    return [asn1_x509.Certificate.load(der) for _, _, der in asn1_pem.unarmor(chain, multiple=True)]
