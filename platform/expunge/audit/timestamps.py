"""RFC 3161 timestamps: from the configured authority, or from a local one in development."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from asn1crypto import cms as asn1_cms
from asn1crypto import core as asn1_core
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from pyhanko.sign.general import as_signing_certificate, simple_cms_attribute
from pyhanko.sign.timestamps import (
    DummyTimeStamper,
    HTTPTimeStamper,
    TimeStamper,
    TimestampRequestError,
)

from expunge.audit.keys import signing_folder, trust_roots
from expunge.audit.tokens import TokenError, read_roots, token_moment
from expunge.common.clock import now
from expunge.common.pki import TIME_STAMPING, Credential, KeyMissingError, credential, rivest
from expunge.common.signers import FileSigner
from expunge.common.waiting import wait_for

DIGEST = "sha256"
TIMESTAMP = "timestamp"
SECONDS = 10
TOLERANCE = timedelta(minutes=5)


class TimestampUnavailableError(RuntimeError):
    """No timestamp can be had now; what needs one waits and is tried again."""


def timestamper() -> TimeStamper:
    """Return the timestamp authority: by URL when one is set, else the local one."""
    if settings.EXPUNGE_TSA_URL:
        return HTTPTimeStamper(settings.EXPUNGE_TSA_URL, timeout=SECONDS)
    return _LocalAuthority(timestamp_credential())


class _LocalAuthority(DummyTimeStamper):
    """pyHanko's local authority, with a key that is at hand: its own is loaded for every token."""

    def __init__(self, own: Credential) -> None:
        if not isinstance(own.key, rsa.RSAPrivateKey):
            raise KeyMissingError("The key of the local timestamp authority has to be an RSA key.")
        certificate = own.certificate.public_bytes(serialization.Encoding.DER)
        super().__init__(tsa_cert=asn1_x509.Certificate.load(certificate), tsa_key=None)
        self._own = FileSigner(own.key)

    def _sign_tst_info(
        self, tst_info_data: bytes, md_algorithm: str, dt: datetime
    ) -> tuple[bytes, asn1_cms.CMSAttributes]:
        """Return the signature of a timestamp's content, and what else it covers."""
        attributes = asn1_cms.CMSAttributes(
            [
                simple_cms_attribute("content_type", "tst_info"),
                simple_cms_attribute(
                    "signing_time", asn1_cms.Time({"utc_time": asn1_core.UTCTime(dt)})
                ),
                simple_cms_attribute("signing_certificate", as_signing_certificate(self.tsa_cert)),
                simple_cms_attribute(
                    "message_digest", hashlib.new(md_algorithm, tst_info_data).digest()
                ),
            ]
        )
        return self._own.sign(attributes.dump()), attributes


def timestamp_credential(name: str = TIMESTAMP) -> Credential:
    """Return the key of the local authority; raises ``KeyMissingError``."""
    return credential(
        signing_folder(),
        name,
        title="Expunge local timestamp authority",
        usage=TIME_STAMPING,
        make=rivest,
        generate=settings.EXPUNGE_KEYS_GENERATE,
    )


def timestamp(data: bytes) -> bytes:
    """Return a timestamp token (DER) over the data, which an auditor will believe.

    Raises:
        TimestampUnavailableError: The authority did not answer, or not as it should.
    """
    stamper = timestamper()
    with answering():
        token = wait_for(stamper.async_timestamp(hashlib.sha256(data).digest(), DIGEST)).dump()
        moment = token_moment(token, data, read_roots(trust_roots()))
    if abs(moment - now()) > TOLERANCE:
        raise TimestampUnavailableError(
            f"The timestamp authority's clock says {moment:%Y-%m-%d %H:%M:%S} UTC, which is far "
            "from ours. Put right whichever is wrong."
        )
    return bytes(token)


@contextmanager
def answering() -> Iterator[None]:
    """Turn every way in which an authority can fail into one error that says what to do."""
    try:
        yield
    except TimestampRequestError as error:
        raise TimestampUnavailableError(
            f"The timestamp authority does not answer as it should ({error}). What waits for it is "
            "tried again; look whether EXPUNGE_TSA_URL is right and can be reached."
        ) from error
    except TokenError as error:
        raise TimestampUnavailableError(
            f"The timestamp of the authority {error}. Its root belongs into roots.pem, or no "
            "auditor will believe it."
        ) from error
