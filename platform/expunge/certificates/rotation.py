"""Rotating a key of evidence: the next one is introduced under the old one, which is destroyed.

1. The successor's files stand beside (``<name>.next.key.pem`` and, but for the checkpoint's,
``<name>.next.crt.pem``): put there by whoever runs the authority, or made in development. 2. The
log records that the old key is retired and the new one introduced. 3. The old checkpoint key
signs one last checkpoint, over those entries. 4. The files change places; the old private key is
gone. A crash anywhere is finished by calling again.

What the old key signed stays valid: certificates carry the certificate of their key, and a
checkpoint of a retired key counts when it was timestamped before the key's end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NamedTuple

from django.db import transaction

from expunge.audit.handover import CHECKPOINT
from expunge.audit.keys import log_key, signing_folder
from expunge.audit.models import KnownKey
from expunge.audit.services import checkpoint_sign, key_introduce, key_retire
from expunge.audit.timestamps import TIMESTAMP, timestamp_credential
from expunge.certificates.envelope import key_id
from expunge.certificates.keys import (
    DOCUMENT,
    STATEMENT,
    certificate_text,
    document_credential,
    statement_credential,
)
from expunge.common.clock import now
from expunge.common.errors import InvalidInputError
from expunge.common.pki import Credential, replace_credential
from expunge.common.signers import SigningKey

HANDOVER = timedelta(minutes=10)
"""For so long after its retirement a key may still sign: the last checkpoint, and work begun."""


class PublicKey(NamedTuple):
    """A key as the log names it: its id, and its public half in text."""

    id: str
    text: str


def key_rotate(*, purpose: str) -> PublicKey:
    """Put a new key in the place of one, and record both; returns the new one.

    Raises:
        InvalidInputError: ``key_unknown``: there is no key of that purpose.
        KeyMissingError: The successor's files are not in the folder, or this process may not sign.
    """
    if purpose not in PUBLIC:
        words = ", ".join(sorted(PUBLIC))
        raise InvalidInputError("key_unknown", f"Name one of the keys: {words}.", field="purpose")
    successor = f"{purpose}.next"
    new, old = PUBLIC[purpose](successor), PUBLIC[purpose](purpose)
    with transaction.atomic(durable=True):
        key_introduce(purpose=purpose, key_id=old.id, public=old.text)
        if not KnownKey.objects.filter(purpose=purpose, key_id=new.id).exists():
            until = now() + HANDOVER
            key_retire(purpose=purpose, key_id=old.id, successor=new.id, until=until)
            key_introduce(purpose=purpose, key_id=new.id, public=new.text)
    checkpoint_sign()
    replace_credential(signing_folder(), purpose, successor)
    return new


def _of_log(name: str) -> PublicKey:
    key = log_key(name)
    return PublicKey(key.id.hex(), str(key))


def _certified(credential: Callable[[str], SigningKey | Credential], name: str) -> PublicKey:
    own = credential(name)
    return PublicKey(key_id(own.certificate), certificate_text(own))


PUBLIC: Mapping[str, Callable[[str], PublicKey]] = {
    CHECKPOINT: _of_log,
    STATEMENT: lambda name: _certified(statement_credential, name),
    DOCUMENT: lambda name: _certified(document_credential, name),
    TIMESTAMP: lambda name: _certified(timestamp_credential, name),
}
