"""Keys that sign, wherever they are: in a file, in a PKCS#11 token, behind a signing service.

Beside ``<name>.crt.pem`` stands either ``<name>.key.pem``, the private key itself, or
``<name>.key.uri``, one line that says where it is::

    pkcs11:token=evidence;object=statement
    vault:https://vault.example:8200/v1/transit/keys/statement?version=1

A signer signs bytes, hashed with SHA-256 where the key's kind wants a digest (RSA with PKCS#1 v1.5,
ECDSA as DER), as they are for Ed25519. Imports no Django.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from expunge.common.pki import Credential, KeyMissingError, private_key

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
KEY_FILE, PLACE_FILE = "key.pem", "key.uri"


class KeyUnavailableError(RuntimeError):
    """A key cannot be reached now; what needs it waits and is tried again."""


class Signer(Protocol):
    """Somebody who signs with a private key that this process need not hold."""

    def public_key(self) -> PublicKey:
        """Return the public half; raises :class:`KeyUnavailableError`."""

    def sign(self, data: bytes, /) -> bytes:
        """Return the signature of bytes; raises :class:`KeyUnavailableError`."""


@dataclass(frozen=True)
class Means:
    """What a process needs to reach keys that are not files; empty where there are none."""

    module: str = ""
    pin: str = ""
    vault_token: str = ""


@dataclass(frozen=True)
class SigningKey:
    """A signer and the certificate of its key; ``chain`` also holds the issuers, in PEM."""

    key: Signer
    certificate: x509.Certificate
    chain: bytes


class FileSigner:
    """A private key in this process."""

    def __init__(self, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    def public_key(self) -> PublicKey:
        """Return the public half."""
        return self._key.public_key()

    def sign(self, data: bytes, /) -> bytes:
        """Return the signature of bytes."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))


def signer(
    folder: Path,
    name: str,
    means: Means,
    *,
    make: Callable[[], PrivateKey],
    generate: bool,
) -> Signer:
    """Return the signer of that name; make a key file first where that is allowed.

    Raises:
        KeyMissingError: There is no such key, or what its ``.key.uri`` says cannot be used.
    """
    place = folder / f"{name}.{PLACE_FILE}"
    if place.exists():
        return elsewhere(place.read_text(encoding="utf-8").strip(), means)
    return in_process(private_key(folder / f"{name}.{KEY_FILE}", make, generate=generate))


def signing_key(
    folder: Path, name: str, means: Means, issue: Callable[[], Credential]
) -> SigningKey:
    """Return a key and its certificate; ``issue`` reads them from files, or makes them.

    Raises:
        KeyMissingError: Something is not there, or key and certificate do not belong together.
        KeyUnavailableError: The key cannot be reached.
    """
    place = folder / f"{name}.{PLACE_FILE}"
    if not place.exists():
        own = issue()
        return SigningKey(in_process(own.key), own.certificate, own.chain)
    path = folder / f"{name}.crt.pem"
    if not path.exists():
        raise KeyMissingError(f"There is no certificate {path.name} in the key folder.")
    found = elsewhere(place.read_text(encoding="utf-8").strip(), means)
    chain = path.read_bytes()
    certificate = x509.load_pem_x509_certificates(chain)[0]
    if certificate.public_key() != found.public_key():
        raise KeyMissingError(f"{path.name} is not the certificate of the key in {place.name}.")
    return SigningKey(found, certificate, chain)


def in_process(key: Any) -> Signer:
    """Return the signer of a private key that is at hand."""
    return key if isinstance(key, ed25519.Ed25519PrivateKey) else FileSigner(key)


def elsewhere(place: str, means: Means) -> Signer:
    """Return the signer that a ``.key.uri`` names; raises :class:`KeyMissingError`."""
    if place.startswith("pkcs11:"):
        from expunge.common.signers.token import TokenSigner  # noqa: PLC0415 - only who has one

        return TokenSigner.at(place, means)
    if place.startswith("vault:"):
        from expunge.common.signers.vault import VaultSigner  # noqa: PLC0415 - the same

        return VaultSigner.at(place, means)
    raise KeyMissingError(
        f"'{place[:40]}' names no place of a key: it begins with pkcs11: or with vault:."
    )


def holds(key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Say whether a key has signed bytes, in the way its kind signs here."""
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        else:
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
