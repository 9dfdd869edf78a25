"""The keys that sign certificates: one for the statement, one for the PDF, never the same.

They stand in the folder of :func:`expunge.audit.keys.signing_folder`. In development they are
made on first use, under an authority of the folder's own; in production the files are put there.
The first use of a key is an entry of the audit log. The checkpoint's and the timestamp's keys are
the log's (:mod:`expunge.audit.keys`, :mod:`expunge.audit.timestamps`).
"""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from expunge.audit.keys import signing_folder
from expunge.audit.services import key_introduce
from expunge.certificates.envelope import key_id
from expunge.common.pki import (
    CODE_SIGNING,
    DOCUMENT_SIGNING,
    ROOTS_FILE,
    Credential,
    credential,
    elliptic,
)

STATEMENT, DOCUMENT = "statement", "document"


def statement_credential(name: str = STATEMENT) -> Credential:
    """Return the key that signs statements (Ed25519); raises ``KeyMissingError``."""
    return credential(
        signing_folder(),
        name,
        title="Expunge statements",
        usage=CODE_SIGNING,
        make=Ed25519PrivateKey.generate,
        generate=settings.EXPUNGE_KEYS_GENERATE,
    )


def document_credential(name: str = DOCUMENT) -> Credential:
    """Return the key that signs PDFs; raises ``KeyMissingError``."""
    return credential(
        signing_folder(),
        name,
        title="Expunge certificates",
        usage=DOCUMENT_SIGNING,
        make=elliptic,
        generate=settings.EXPUNGE_KEYS_GENERATE,
    )


def trust_roots() -> bytes:
    """Return the root certificates (PEM) that an auditor should be given out of band."""
    document_credential()
    return bytes((signing_folder() / ROOTS_FILE).read_bytes())


def keys_introduce() -> None:
    """Record the keys in the audit log, each on its first use."""
    for purpose, own in ((STATEMENT, statement_credential()), (DOCUMENT, document_credential())):
        key_introduce(purpose=purpose, key_id=key_id(own.certificate), public=certificate_text(own))


def certificate_text(own: Credential) -> str:
    """Return a key's certificate as the log records it."""
    return own.certificate.public_bytes(serialization.Encoding.PEM).decode()
