"""A key in a PKCS#11 token: a security module, a smart card, SoftHSM.

``pkcs11:token=LABEL;object=LABEL`` (RFC 7512). The module's path and the PIN come from the
settings, never from the file. Each signature opens a session of its own, so that a token that was
restarted is found again.

A token signs digests with ECDSA and returns two bare numbers; here bytes come in and DER goes out,
whatever the token can hash itself.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pkcs11
from asn1crypto import keys as asn1_keys
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11.util.ec import encode_ec_public_key
from pkcs11.util.rsa import encode_rsa_public_key

from expunge.common.pki import KeyMissingError
from expunge.common.signers import KeyUnavailableError, Means, PublicKey

PUBLIC_BYTES = 32
_PROCESS = {"started": 0}


@dataclass(frozen=True)
class TokenSigner:
    """A private key that never leaves its token."""

    token: str
    label: str
    means: Means

    @classmethod
    def at(cls, place: str, means: Means) -> TokenSigner:
        """Return the signer that a URI names; raises ``KeyMissingError``."""
        parts = dict(
            part.split("=", 1) for part in place.removeprefix("pkcs11:").split(";") if "=" in part
        )
        if set(parts) != {"token", "object"}:
            raise KeyMissingError("A key in a token reads pkcs11:token=LABEL;object=LABEL.")
        if not means.module:
            raise KeyMissingError(
                "EXPUNGE_PKCS11_MODULE is not set: it is the path of the token's library."
            )
        return cls(unquote(parts["token"]), unquote(parts["object"]), means)

    def public_key(self) -> PublicKey:
        """Return the public half, which must be in the token too."""
        with self._session() as session:
            key = self._key(session, pkcs11.ObjectClass.PUBLIC_KEY)
            if key.key_type == pkcs11.KeyType.EC_EDWARDS:
                # The point stands in the wrapping of an octet string.
                point = bytes(key[pkcs11.Attribute.EC_POINT])[-PUBLIC_BYTES:]
                return ed25519.Ed25519PublicKey.from_public_bytes(point)
            encode: Callable[[Any], bytes] = (
                encode_ec_public_key if key.key_type == pkcs11.KeyType.EC else encode_rsa_public_key
            )
            return _loaded(encode(key), key.key_type)

    def sign(self, data: bytes, /) -> bytes:
        """Return the signature of bytes."""
        with self._session() as session:
            key = self._key(session, pkcs11.ObjectClass.PRIVATE_KEY)
            if key.key_type == pkcs11.KeyType.EC_EDWARDS:
                return bytes(key.sign(data, mechanism=pkcs11.Mechanism.EDDSA))
            if key.key_type == pkcs11.KeyType.RSA:
                return bytes(key.sign(data, mechanism=pkcs11.Mechanism.SHA256_RSA_PKCS))
            digest = hashlib.sha256(data).digest()
            bare = bytes(key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA))
            half = len(bare) // 2
            return utils.encode_dss_signature(
                int.from_bytes(bare[:half]), int.from_bytes(bare[half:])
            )

    def _key(self, session: Any, kind: Any) -> Any:
        try:
            return session.get_key(object_class=kind, label=self.label)
        except pkcs11.PKCS11Error as error:
            raise KeyMissingError(
                f"The token '{self.token}' holds no one {kind.name.lower()} '{self.label}'."
            ) from error

    @contextmanager
    def _session(self) -> Iterator[Any]:
        try:
            library = pkcs11.lib(self.means.module)
            if _PROCESS["started"] not in {0, os.getpid()}:
                library.reinitialize()  # a forked worker must not use its parent's sessions
            _PROCESS["started"] = os.getpid()
            session = library.get_token(token_label=self.token).open(user_pin=self.means.pin)
        except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
            raise KeyUnavailableError(
                f"The token '{self.token}' cannot be used ({type(error).__name__}): look whether "
                "EXPUNGE_PKCS11_MODULE and EXPUNGE_PKCS11_PIN are right and the token is there."
            ) from error
        with session:
            try:
                yield session
            except pkcs11.PKCS11Error as error:
                raise KeyUnavailableError(
                    f"The token '{self.token}' did not do as asked ({type(error).__name__})."
                ) from error


def _loaded(encoded: bytes, kind: Any) -> PublicKey:
    if kind == pkcs11.KeyType.RSA:
        wrapped = asn1_keys.PublicKeyInfo.wrap(asn1_keys.RSAPublicKey.load(encoded), "rsa")
        encoded = wrapped.dump()
    found = load_der_public_key(encoded)
    if not isinstance(found, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise KeyMissingError("The token holds a key of a kind that signs nothing here.")
    return found
