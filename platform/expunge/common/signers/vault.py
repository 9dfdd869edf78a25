"""A key behind a signing service over HTTPS: the transit interface of HashiCorp Vault.

``vault:https://HOST/v1/transit/keys/NAME?version=1``. The version is part of the place: a key that
is rotated there is another key here, and is introduced as one. The service's access token comes
from the settings, never from the file.

Source: developer.hashicorp.com/vault/api-docs/secret/transit.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from expunge.common.pki import KeyMissingError
from expunge.common.signers import KeyUnavailableError, Means, PublicKey

SECONDS = 10
KEYS = "/keys/"


@dataclass(frozen=True)
class VaultSigner:
    """A private key that never leaves the service."""

    address: str
    name: str
    version: int
    token: str

    @classmethod
    def at(cls, place: str, means: Means) -> VaultSigner:
        """Return the signer that a place names; raises ``KeyMissingError``."""
        url = urlsplit(place.removeprefix("vault:"))
        version = parse_qs(url.query).get("version", [""])[0]
        mount, separator, name = url.path.rpartition(KEYS)
        local = url.hostname in {"127.0.0.1", "localhost"}
        if not (separator and name and version.isdecimal() and (url.scheme == "https" or local)):
            raise KeyMissingError(
                "A key behind a service reads vault:https://HOST/v1/transit/keys/NAME?version=1."
            )
        if not means.vault_token:
            raise KeyMissingError("EXPUNGE_VAULT_TOKEN is not set: the service wants to know us.")
        address = urlunsplit((url.scheme, url.netloc, mount, "", ""))
        return cls(address, name, int(version), means.vault_token)

    def public_key(self) -> PublicKey:
        """Return the public half of the key's version."""
        said = self._asked("GET", f"{self.address}/keys/{self.name}")
        try:
            text = said["keys"][str(self.version)]["public_key"]
            if said["type"] == "ed25519":
                return ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(text))
            found = load_pem_public_key(text.encode())
        except (KeyError, TypeError, ValueError) as error:
            raise KeyMissingError(
                f"The signing service has no version {self.version} of the key '{self.name}'."
            ) from error
        if not isinstance(found, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            raise KeyMissingError(
                "The signing service has a key of a kind that signs nothing here."
            )
        return found

    def sign(self, data: bytes, /) -> bytes:
        """Return the signature of bytes."""
        asked = {
            "input": base64.b64encode(data).decode(),
            "key_version": self.version,
            "hash_algorithm": "sha2-256",
            "signature_algorithm": "pkcs1v15",
            "marshaling_algorithm": "asn1",
        }
        said = self._asked("POST", f"{self.address}/sign/{self.name}", asked)
        try:
            kind, version, signature = str(said["signature"]).split(":")
            if (kind, version) != ("vault", f"v{self.version}"):
                raise KeyUnavailableError("The signing service signed with another key.")
            return base64.b64decode(signature, validate=True)
        except (KeyError, ValueError) as error:
            raise KeyUnavailableError("The signing service's answer is not readable.") from error

    def _asked(self, method: str, address: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = httpx.request(
                method,
                address,
                json=body,
                headers={"X-Vault-Token": self.token},
                timeout=SECONDS,
                trust_env=False,
            )
            if answer.status_code in {403, 404}:
                raise KeyMissingError(
                    f"The signing service refuses the key '{self.name}' ({answer.status_code}): "
                    "look at its name and at what EXPUNGE_VAULT_TOKEN may do."
                )
            answer.raise_for_status()
            return answer.json()["data"]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise KeyUnavailableError(
                f"The signing service does not answer as it should ({type(error).__name__})."
            ) from error
