"""The keys that sign certificates: one for the statement, one for the PDF, never the same.

They stand in the folder of :func:`expunge.audit.keys.signing_folder`. In development they are
made on first use, under an authority of the folder's own; in production the files are put there.
The first use of a key is an entry of the audit log. The checkpoint's and the timestamp's keys are
the log's (:mod:`expunge.audit.keys`, :mod:`expunge.audit.timestamps`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509 import ObjectIdentifier
from django.conf import settings

from expunge.audit.keys import means, signing_folder
from expunge.audit.services import key_introduce
from expunge.certificates.envelope import key_id
from expunge.common.pki import (
    CODE_SIGNING,
    DOCUMENT_SIGNING,
    Credential,
    credential,
    elliptic,
)
from expunge.common.signers import PrivateKey, SigningKey, signing_key

STATEMENT, DOCUMENT = "statement", "document"


def statement_credential(name: str = STATEMENT) -> SigningKey:
    """Return the key that signs statements: Ed25519, or ECDSA on P-256.

    Raises:
        KeyMissingError: It is not there.
        KeyUnavailableError: It cannot be reached now.
    """
    return _key(name, "Expunge statements", CODE_SIGNING, Ed25519PrivateKey.generate)


def document_credential(name: str = DOCUMENT) -> SigningKey:
    """Return the key that signs PDFs; raises as :func:`statement_credential`."""
    return _key(name, "Expunge certificates", DOCUMENT_SIGNING, elliptic)


def _key(
    name: str, title: str, usage: ObjectIdentifier, make: Callable[[], PrivateKey]
) -> SigningKey:
    folder = signing_folder()
    issue = partial(
        credential,
        folder,
        name,
        title=title,
        usage=usage,
        make=make,
        generate=settings.EXPUNGE_KEYS_GENERATE,
    )
    return signing_key(folder, name, means(), issue)


def keys_introduce() -> None:
    """Record the keys in the audit log, each on its first use."""
    for purpose, own in ((STATEMENT, statement_credential()), (DOCUMENT, document_credential())):
        key_introduce(purpose=purpose, key_id=key_id(own.certificate), public=certificate_text(own))


def certificate_text(own: SigningKey | Credential) -> str:
    """Return a key's certificate as the log records it."""
    return own.certificate.public_bytes(serialization.Encoding.PEM).decode()
