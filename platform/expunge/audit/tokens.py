"""RFC 3161 tokens: when somebody trusted says that bytes existed. Pure: no Django, no network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

from asn1crypto import cms as asn1_cms
from asn1crypto import pem as asn1_pem
from asn1crypto import x509 as asn1_x509
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext

from expunge.common.waiting import wait_for

Roots = Sequence[asn1_x509.Certificate]

OTHER = "cannot be read or is of other bytes"
BY_NAME = "issuer_and_serial_number"
_VERSIONS = {BY_NAME: "v1", "subject_key_identifier": "v3"}
_NO_PARAMETERS = (b"", b"\x05\x00")


class TokenError(ValueError):
    """A token does not hold; the message goes on after "the timestamp of ..."."""


def read_roots(pem: bytes) -> Roots:
    """Read root certificates; raises ``ValueError`` when there is none."""
    try:
        parts = list(asn1_pem.unarmor(pem, multiple=True))
    except ValueError:
        parts = []
    if not parts or any(kind != "CERTIFICATE" for kind, _, _ in parts):
        raise ValueError("the file of roots must hold certificates (PEM) and nothing else")
    return [asn1_x509.Certificate.load(der) for _, _, der in parts]


def token_moment(token: bytes, stamped: bytes, roots: Roots) -> datetime:
    """Return when a token says that the bytes existed; raises :class:`TokenError`.

    The authority's certificate is judged as of the moment that the token names. Whether its key
    was stolen later cannot be known without a network.
    """
    signed, moment = _read(token)
    return stamp_moment(
        signed,
        lambda algorithm: hashlib.new(algorithm, stamped).digest(),
        chain_context(roots, moment),
    )


def named_moment(token: bytes, stamped: bytes) -> datetime:
    """Return the moment that a token of these bytes names, whoever made it.

    For a process that has no roots; raises :class:`TokenError`.
    """
    signed, moment = _read(token)
    imprint = signed["encap_content_info"]["content"].parsed["message_imprint"].native
    algorithm = imprint["hash_algorithm"]["algorithm"]
    if hashlib.new(algorithm, stamped).digest() != imprint["hashed_message"]:
        raise TokenError(OTHER)
    return moment


def _read(token: bytes) -> tuple[asn1_cms.SignedData, datetime]:
    try:
        signed = asn1_cms.ContentInfo.load(token, strict=True)["content"]
        return signed, claimed_moment(signed)
    except Exception as error:  # a token can be broken in every way a parser knows
        raise TokenError(OTHER) from error


def stamp_moment(
    signed: asn1_cms.SignedData, digest: Callable[[str], bytes], context: ValidationContext
) -> datetime:
    """Return when a timestamp says that bytes with a digest existed, its chain judged as given.

    Raises:
        TokenError: It is of other bytes, or of nobody under the roots.
    """
    try:
        _require_plain(signed)
        said = wait_for(validate_tst_signed_data(signed, context, digest))
        status = TimestampSignatureStatus(**said)
    except Exception as error:  # as above
        raise TokenError(OTHER) from error
    if not (status.intact and status.valid and status.trusted):
        raise TokenError("is not of an authority under the given roots")
    found: datetime = status.timestamp
    return found


def _require_plain(signed: asn1_cms.SignedData) -> None:
    """Refuse a container whose unsigned parts say anything else than they must.

    Versions, algorithms and the signer's name stand outside of what the authority signs. Altered,
    they would do no harm, but the token would not be the one that was given out.
    """
    (signer,) = signed["signer_infos"]
    algorithm, who = signer["digest_algorithm"], signer["sid"]
    plain = (
        signed["version"].native == "v3"
        and signer["version"].native == _VERSIONS[who.name]
        and [item.dump() for item in signed["digest_algorithms"]] == [algorithm.dump()]
        and all(
            item["parameters"].dump() in _NO_PARAMETERS
            for item in (algorithm, signer["signature_algorithm"])
        )
        and (who.name != BY_NAME or _named(who, signed["certificates"]))
    )
    if not plain:
        raise TokenError("is not laid out as a timestamp")


def _named(who: asn1_cms.SignerIdentifier, certificates: asn1_cms.CertificateSet) -> bool:
    """Say whether a certificate of the token has this very issuer, to the letter, and number."""
    issuer, number = who.chosen["issuer"].dump(), who.chosen["serial_number"].native
    return any(
        item.chosen.issuer.dump() == issuer and item.chosen.serial_number == number
        for item in certificates
    )


def claimed_moment(signed: asn1_cms.SignedData) -> datetime:
    """Return the moment that a timestamp names, whoever made it."""
    moment: datetime = signed["encap_content_info"]["content"].parsed["gen_time"].native
    return moment


def chain_context(roots: Roots, moment: datetime) -> ValidationContext:
    """Return how a chain is judged as of a moment, with nothing but the given roots."""
    return ValidationContext(
        trust_roots=list(roots), allow_fetching=False, moment=moment, revocation_mode="soft-fail"
    )
