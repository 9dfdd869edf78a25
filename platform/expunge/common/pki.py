"""A certificate authority of one's own, in a folder: for development and for tests.

It issues the X.509 certificates that a deployment would get from its own authority, under the
same file names, so that production only replaces files. Every private key stands alone in a
file of mode 0600. Imports no Django.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    CertificatePublicKeyTypes,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from expunge.common.keyfile import read_or_create

ROOTS_FILE = "roots.pem"
YEARS = 15
RSA_BITS = 3072
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING
TIME_STAMPING = ExtendedKeyUsageOID.TIME_STAMPING

_LOADED: dict[Path, tuple[str, Any]] = {}
"""What each file held when it was last read, and the key made of it: to prove an RSA key sound
takes a tenth of a second. A file that holds another key puts that in the place of the old one."""


class KeyMissingError(RuntimeError):
    """A key file is not there and may not be generated in this place."""


@dataclass(frozen=True)
class Credential:
    """A private key and its certificate; ``chain`` also holds the issuers, in PEM."""

    key: CertificateIssuerPrivateKeyTypes
    certificate: x509.Certificate
    chain: bytes


def private_key(
    path: Path, make: Callable[[], CertificateIssuerPrivateKeyTypes], *, generate: bool
) -> CertificateIssuerPrivateKeyTypes:
    """Return the private key in ``path``; make it first where that is allowed.

    Raises:
        KeyMissingError: There is no file and ``generate`` is false.
        TypeError: The file holds a key of an unusable kind.
    """
    if not generate and not path.exists():
        raise KeyMissingError(f"There is no key {path.name} in the key folder; put it there.")
    pem = read_or_create(path, lambda: _pem(make()))
    seen, key = _LOADED.get(path, ("", None))
    if seen != pem:
        key = serialization.load_pem_private_key(pem.encode(), None)
        _LOADED[path] = (pem, key)
    if not isinstance(
        key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    ):
        raise TypeError(f"{path.name} holds a key of a kind that signs nothing here")
    return key


def ed25519_key(path: Path, *, generate: bool) -> ed25519.Ed25519PrivateKey:
    """Return the Ed25519 key in ``path``; raises as :func:`private_key`."""
    key = private_key(path, ed25519.Ed25519PrivateKey.generate, generate=generate)
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise TypeError(f"{path.name} is not an Ed25519 key")
    return key


def credential(  # noqa: PLR0913 - a name, a title, a usage, a kind of key, and leave to make it
    folder: Path,
    name: str,
    *,
    title: str,
    usage: x509.ObjectIdentifier,
    make: Callable[[], CertificateIssuerPrivateKeyTypes],
    generate: bool,
) -> Credential:
    """Return ``<name>.key.pem`` and ``<name>.crt.pem``; issue them first where allowed."""
    path = folder / f"{name}.crt.pem"
    if not generate and not path.exists():
        raise KeyMissingError(f"There is no certificate {path.name} in the key folder.")
    key = private_key(folder / f"{name}.key.pem", make, generate=generate)
    chain = read_or_create(path, lambda: certify(folder, title, usage, key.public_key())).encode()
    found = Credential(key, x509.load_pem_x509_certificates(chain)[0], chain)
    if found.certificate.public_key() != key.public_key():
        raise KeyMissingError(
            f"{name}.key.pem and {path.name} do not belong together: a rotation was interrupted; "
            "run it again."
        )
    return found


def roots(folder: Path, *, generate: bool) -> bytes:
    """Return the root certificates (PEM) in the folder; make an authority first where allowed."""
    path = folder / ROOTS_FILE
    if generate and not path.exists():
        _authority(folder)
    if not path.exists():
        raise KeyMissingError(f"There is no {ROOTS_FILE} in the key folder; put it there.")
    return path.read_bytes()


def replace_credential(folder: Path, name: str, successor: str) -> None:
    """Put the files of one credential in the place of another's, whose key is destroyed by that.

    May be called again after a crash in between. A key without a certificate is moved alone; one
    that is elsewhere moves by the file that says where, and takes the place of a key file.
    """
    for ending, instead in (("key.pem", "key.uri"), ("key.uri", "key.pem"), ("crt.pem", None)):
        source = folder / f"{successor}.{ending}"
        if source.exists():
            source.replace(folder / f"{name}.{ending}")
            if instead:
                (folder / f"{name}.{instead}").unlink(missing_ok=True)


def elliptic() -> ec.EllipticCurvePrivateKey:
    """Make a P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def rivest() -> rsa.RSAPrivateKey:
    """Make an RSA key."""
    return rsa.generate_private_key(65537, RSA_BITS)


def revocation_list(folder: Path) -> bytes | None:
    """Return a fresh, empty revocation list (DER) of the authority in the folder, if it has one."""
    if not (folder / "authority.key.pem").exists():
        return None
    root = _authority(folder)
    moment = datetime.now(UTC).replace(microsecond=0)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.certificate.subject)
        .last_update(moment - timedelta(minutes=1))
        .next_update(moment + timedelta(days=31))
        .add_extension(x509.CRLNumber(int(moment.timestamp())), critical=False)
        .add_extension(_authority_identifier(root.certificate), critical=False)
    )
    return builder.sign(root.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def certify(
    folder: Path, title: str, usage: x509.ObjectIdentifier, public: CertificatePublicKeyTypes
) -> str:
    """Return a certificate (PEM) for a public key, by the authority in the folder."""
    root = _authority(folder)
    builder = (
        _builder(_name(title), root.certificate.subject, public)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        .add_extension(_authority_identifier(root.certificate), critical=False)
    )
    return _certificate_pem(builder.sign(root.key, hashes.SHA256()))


def _authority(folder: Path) -> Credential:
    key = private_key(folder / "authority.key.pem", elliptic, generate=True)
    chain = read_or_create(folder / ROOTS_FILE, partial(_root, key)).encode()
    return Credential(key, x509.load_pem_x509_certificates(chain)[0], chain)


def _root(key: CertificateIssuerPrivateKeyTypes) -> str:
    name = _name("Expunge development authority")
    builder = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
    )
    return _certificate_pem(builder.sign(key, hashes.SHA256()))


def _builder(
    subject: x509.Name, issuer: x509.Name, public: CertificatePublicKeyTypes
) -> x509.CertificateBuilder:
    start = datetime.now(UTC) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365 * YEARS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _name(title: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Expunge (development)"),
            x509.NameAttribute(NameOID.COMMON_NAME, title),
        ]
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_identifier(certificate: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _pem(key: CertificateIssuerPrivateKeyTypes) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _certificate_pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
