"""RFC 3161 timestamps: from the configured authority, or from a local one in development."""

from __future__ import annotations

import asyncio

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes, serialization
from django.conf import settings
from pyhanko.sign.timestamps import DummyTimeStamper, HTTPTimeStamper, TimeStamper

from expunge.audit.keys import signing_folder
from expunge.common.pki import TIME_STAMPING, Credential, credential, rivest

DIGEST = "sha256"
TIMESTAMP = "timestamp"
SECONDS = 10


def timestamper() -> TimeStamper:
    """Return the timestamp authority: by URL when one is set, else the local one."""
    if settings.EXPUNGE_TSA_URL:
        return HTTPTimeStamper(settings.EXPUNGE_TSA_URL, timeout=SECONDS)
    own = timestamp_credential()
    key = own.key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return DummyTimeStamper(
        tsa_cert=asn1_x509.Certificate.load(
            own.certificate.public_bytes(serialization.Encoding.DER)
        ),
        tsa_key=asn1_keys.PrivateKeyInfo.load(key),
    )


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
    """Return a timestamp token (DER) over the data.

    Raises:
        pyhanko.sign.timestamps.TimestampRequestError: The authority did not answer.
    """
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    token = asyncio.run(timestamper().async_timestamp(digest.finalize(), DIGEST))
    return bytes(token.dump())
