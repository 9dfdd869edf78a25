"""Signatures over bodies: RSA with SHA-256, under the certificate that discovery names.

The specification puts a signature of the body into the body, which cannot be. Here
``processor_signature`` is over the body without that member, and the header over the raw body
as it is sent, with it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.conf import settings

from expunge.common.pki import CODE_SIGNING, RSA_BITS, Credential, credential


@dataclass(frozen=True)
class Dialect:
    """What the two names of the protocol do differently."""

    name: str
    version: str
    root: str
    collection: str

    @property
    def header(self) -> str:
        """Return how its header fields begin."""
        return f"X-{self.name}"


OPENDSR = Dialect("OpenDSR", "2.0", "/opendsr/v2", "requests")
OPENGDPR = Dialect("OpenGDPR", "1.0", "/opengdpr/v1", "opengdpr_requests")


def signing_credential() -> Credential:
    """Return the key that signs answers and callbacks; raises ``KeyMissingError``."""
    return credential(
        settings.EXPUNGE_KEYS_DIR,
        "opendsr",
        title=processor_domain(),
        usage=CODE_SIGNING,
        make=lambda: rsa.generate_private_key(65537, RSA_BITS),
        generate=settings.EXPUNGE_KEYS_GENERATE,
    )


def processor_domain() -> str:
    """Return the domain that the certificate is for."""
    return urlsplit(settings.EXPUNGE_PUBLIC_URL).hostname or ""


def sign(data: bytes) -> str:
    """Return the base64 signature of the bytes (RSASSA-PKCS1-v1_5, SHA-256; FIPS 186-4)."""
    key = signing_credential().key
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("opendsr.key.pem must be an RSA key")
    return base64.b64encode(key.sign(data, padding.PKCS1v15(), hashes.SHA256())).decode()


def encoded(content: Mapping[str, Any]) -> bytes:
    """Return the bytes of a body."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


def with_signature(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content with the signature of its bytes as last member."""
    return {**content, "processor_signature": sign(encoded(content))}


def headers_for(body: bytes, dialect: Dialect) -> dict[str, str]:
    """Return the header fields that go with a raw body."""
    return {
        f"{dialect.header}-Processor-Domain": processor_domain(),
        f"{dialect.header}-Signature": sign(body),
    }
