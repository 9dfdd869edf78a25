"""``containment bundle``: what a deployer needs to keep a person out of a model's answers for now.

Containment is not erasure: the weights still hold everything, and taking the guard off restores
it. A bundle is published while an erasure is at work and withdrawn when it is certified.

No plain text stands in it. It holds keyed digests of word n-grams: of the person's names, which
neither prompts nor answers may hold, and of the answers that nobody else's records have. Both
sides cut text into words in the same way (:func:`words`, version ``NORMALISATION``).

The key travels with the digests, for a guard must be able to compute them. So whoever holds a
bundle can test guesses against it: it hides a person from the eye and from search, not from
somebody with a dictionary. It is for deployers of the model alone, who must not pass it on.
"""

from __future__ import annotations

import base64
import hmac
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from contract.canonical import canonical
from contract.record import FROZEN

NORMALISATION = "words/1"
DIGEST_BYTES = 16
NOTICE = "Containment, not erasure: the model's weights are unchanged and still hold the data."
REFUSAL = "I cannot answer questions about this person."

_CONTEXT = b"expunge.containment-bundle/1\n"
_WORD = re.compile(r"[^\W_]+")


class BundleError(ValueError):
    """A bundle that cannot be trusted or read; the sentence says why."""


@dataclass(frozen=True, config=FROZEN)
class Bundle:
    """The n-grams to keep out of one model version's prompts (``names``) and answers (both).

    ``lengths`` are the numbers of words of the n-grams; ``key`` is 32 bytes in hex, a digest 16.
    """

    id: str
    model: str
    model_version: str
    model_digest: str
    published_at: datetime
    key: str
    names: tuple[str, ...]
    answers: tuple[str, ...]
    lengths: tuple[int, ...]
    refusal: str = REFUSAL
    normalisation: Literal["words/1"] = "words/1"
    effect: Literal["serve_suppression"] = "serve_suppression"
    notice: str = NOTICE
    schema: Literal["expunge.containment-bundle/1"] = "expunge.containment-bundle/1"


@dataclass(frozen=True, config=FROZEN)
class SignedBundle:
    """A bundle with the platform's Ed25519 signature over its canonical JSON, in base64.

    ``signer`` is the public key, 32 raw bytes in base64: pin it, a signature alone proves little.
    """

    bundle: Bundle
    signer: str
    signature: str


_BUNDLE: TypeAdapter[Bundle] = TypeAdapter(Bundle)
SIGNED_BUNDLE: TypeAdapter[SignedBundle] = TypeAdapter(SignedBundle)


def words(text: str) -> list[str]:
    """Cut a text into words: runs of letters and digits, whatever their case and width."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def ngrams(items: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    """Yield every run of ``length`` words."""
    for start in range(len(items) - length + 1):
        yield tuple(items[start : start + length])


def ngram_digest(key: bytes, items: Sequence[str]) -> str:
    """Return the keyed digest of one n-gram, in hex."""
    return hmac.digest(key, " ".join(items).encode(), sha256)[:DIGEST_BYTES].hex()


def ngram_digests(key: bytes, items: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return the digests of n-grams in an order that tells nothing about theirs."""
    return tuple(sorted({ngram_digest(key, item) for item in items}))


def sign(bundle: Bundle, key: Ed25519PrivateKey) -> SignedBundle:
    """Sign a bundle."""
    signature = base64.b64encode(key.sign(_signed_bytes(bundle))).decode()
    return SignedBundle(bundle, public_text(key.public_key()), signature)


def public_text(key: Ed25519PublicKey) -> str:
    """Return a public key as ``signer`` writes it."""
    return base64.b64encode(key.public_bytes_raw()).decode()


def verify(signed: SignedBundle, trusted: str) -> Bundle:
    """Return the bundle if the trusted key signed it; raises :class:`BundleError`."""
    if signed.signer != trusted:
        raise BundleError("the bundle is signed with a key that is not trusted")
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(trusted, validate=True))
        signature = base64.b64decode(signed.signature, validate=True)
        public.verify(signature, _signed_bytes(signed.bundle))
    except (InvalidSignature, ValueError) as error:
        raise BundleError("the bundle was altered after it was signed") from error
    return signed.bundle


def read(data: bytes | str, trusted: str) -> Bundle:
    """Read a signed bundle's JSON and check it; raises :class:`BundleError`."""
    try:
        signed = SIGNED_BUNDLE.validate_json(data)
    except ValidationError as error:
        raise BundleError("this is not a signed containment bundle") from error
    return verify(signed, trusted)


def _signed_bytes(bundle: Bundle) -> bytes:
    return _CONTEXT + canonical(_BUNDLE.dump_python(bundle, mode="json"))
