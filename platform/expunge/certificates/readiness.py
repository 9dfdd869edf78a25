"""Whether a signing process can sign: every key tried, every certificate looked at.

A worker of the signing queue looks when it starts; ``manage.py keys_check`` looks at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from expunge.audit.keys import checkpoint_key, log_key, trust_roots
from expunge.audit.timestamps import TimestampUnavailableError, timestamp
from expunge.audit.tokens import read_roots
from expunge.certificates.keys import (
    DOCUMENT,
    STATEMENT,
    document_credential,
    statement_credential,
)
from expunge.certificates.offline.findings import Refusal
from expunge.certificates.offline.trust import require_chain
from expunge.common.clock import now
from expunge.common.pki import CODE_SIGNING, DOCUMENT_SIGNING, KeyMissingError
from expunge.common.signers import KeyUnavailableError, Signer, SigningKey, holds

PROBE = b"expunge: may this key sign?"
SOON = timedelta(days=90)
Found = TypeVar("Found")
USES = {STATEMENT: CODE_SIGNING, DOCUMENT: DOCUMENT_SIGNING}


def signing_faults() -> list[str]:
    """Return a sentence for everything that would keep a certificate from being issued or believed.

    Nothing is recorded, and nothing but a probe is signed.
    """
    faults: list[str] = []
    publics: dict[bytes, str] = {}
    certified: dict[str, Callable[[], SigningKey]] = {
        STATEMENT: statement_credential,
        DOCUMENT: document_credential,
    }
    for name, credential in certified.items():
        found = _asked(faults, name, credential)
        if found is not None:
            faults += _signs(name, found.key, publics)
            faults += _certificate_faults(name, found.certificate)
    key = _asked(faults, "checkpoint", checkpoint_key)
    if key is not None:
        faults += _signs("checkpoint", key, publics)
        _asked(faults, "checkpoint", log_key)
    try:
        timestamp(PROBE)
    except (TimestampUnavailableError, KeyMissingError) as error:
        faults.append(str(error))
    return faults


def _asked(faults: list[str], name: str, ask: Callable[[], Found]) -> Found | None:
    try:
        return ask()
    except (KeyMissingError, KeyUnavailableError, TypeError, ValueError) as error:
        faults.append(f"The {name} key: {error}")
        return None


def _signs(name: str, key: Signer, publics: dict[bytes, str]) -> Iterator[str]:
    try:
        public = key.public_key()
        if not holds(public, key.sign(PROBE), PROBE):
            yield f"The {name} key: its signature is not that of its public half."
    except (KeyMissingError, KeyUnavailableError) as error:
        yield f"The {name} key: {error}"
        return
    raw = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if raw in publics:
        yield f"The {name} key is the {publics[raw]} key too: each purpose needs its own."
    publics[raw] = name


def _certificate_faults(name: str, certificate: x509.Certificate) -> Iterator[str]:
    end = certificate.not_valid_after_utc
    if end < now() + SOON:
        yield f"The certificate of the {name} key ends on {end:%Y-%m-%d}: rotate it before."
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if USES[name] not in usages:
        yield f"The certificate of the {name} key was issued for another use."
        return
    own = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
    usage = own.extended_key_usage_value[0].native
    try:
        require_chain(certificate, read_roots(trust_roots()), now(), usage, f"the {name}s")
    except (Refusal, KeyMissingError, ValueError) as error:
        yield f"The {name} key: {error} Look at roots.pem."
