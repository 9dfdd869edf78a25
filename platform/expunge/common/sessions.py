"""Sessions encrypted at rest: a session may hold a draft, or a secret that is being set up."""

from __future__ import annotations

import json
from typing import Any

from expunge.common.crypto import DecryptionError, decrypt, encrypt

CONTEXT = "session"


class EncryptedSerializer:
    """JSON under the master key, in the place of Django's own serializer."""

    def dumps(self, obj: Any) -> bytes:
        """Return the ciphertext of a session's data."""
        return encrypt(json.dumps(obj, separators=(",", ":")).encode(), context=CONTEXT)

    def loads(self, data: bytes) -> Any:
        """Return a session's data; one that no key opens is empty, so its owner signs in anew."""
        try:
            return json.loads(decrypt(data, context=CONTEXT))
        except DecryptionError:
            return {}
