"""DSSE: a signature over bytes and their type, with the signer's certificate beside it.

Verifying needs no canonicalisation: the signed bytes are the carried bytes. Pure: no Django.

Source: github.com/secure-systems-lab/dsse, protocol v1.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from contract.canonical import digest_bytes
from expunge.common.signers import Signer, holds
from expunge.common.strict import strict_base64, strict_object

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATUS_TYPE = "application/vnd.expunge.status-list+json"
KINDS = (Ed25519PublicKey, EllipticCurvePublicKey)


class EnvelopeError(ValueError):
    """An envelope cannot be read, or its signature does not hold."""


@dataclass(frozen=True)
class Envelope:
    """A payload, its signature, and the signer's certificate."""

    payload: bytes
    signature: bytes
    certificate: x509.Certificate


def key_id(certificate: x509.Certificate) -> str:
    """Return the digest of a certificate's public key."""
    public = certificate.public_key()
    return digest_bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def seal(
    payload: bytes,
    key: Signer,
    certificate: x509.Certificate,
    kind: str = PAYLOAD_TYPE,
) -> bytes:
    """Return the JSON of an envelope around the payload."""
    signature = {
        "keyid": key_id(certificate),
        "sig": _text(key.sign(_encoding(payload, kind))),
        "cert": _pem(certificate),
    }
    envelope = {
        "payloadType": kind,
        "payload": _text(payload),
        "signatures": [signature],
    }
    return json.dumps(envelope, indent=1).encode()


def unseal(data: bytes, kind: str = PAYLOAD_TYPE) -> Envelope:
    """Read an envelope and verify its signature; whether to trust the signer is yours to say.

    Raises:
        EnvelopeError: It is not readable, or the signature is not over these bytes.
    """
    try:
        said = strict_object(data, ("payloadType", "payload", "signatures"))
        payload = strict_base64(said["payload"])
        (signature,) = said["signatures"]
        value = strict_base64(signature["sig"])
        certificate = x509.load_pem_x509_certificate(signature["cert"].encode())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EnvelopeError("the signed statement is not readable") from error
    as_written = {"keyid": key_id(certificate), "cert": _pem(certificate), "sig": signature["sig"]}
    if signature != as_written:
        raise EnvelopeError("the signed statement is not readable")
    public = certificate.public_key()
    if said["payloadType"] != kind or not isinstance(public, KINDS):
        raise EnvelopeError("the signed statement is of an unknown type")
    if not holds(public, value, _encoding(payload, kind)):
        raise EnvelopeError("the signature of the statement is wrong")
    return Envelope(payload, value, certificate)


def _encoding(payload: bytes, kind: str) -> bytes:
    """Return DSSE's pre-authentication encoding."""
    name = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
