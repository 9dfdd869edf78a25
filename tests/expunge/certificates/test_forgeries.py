"""Thousands of forgeries of real evidence, none of which the verifier believes.

2,000 by default, in parts that share nothing; ``EXPUNGE_FORGERIES=50000`` makes more of them. A
failure names its kind and its number, from which it can be made again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from math import ceil
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from expunge.audit.checkpoint import COSIGNATURE, public_key
from expunge.audit.export import StampedNote, read_export
from expunge.audit.keys import checkpoint_key, log_origin
from expunge.audit.timestamps import timestamp
from expunge.audit.tokens import token_moment
from expunge.certificates.envelope import STATUS_TYPE, seal
from expunge.certificates.keys import statement_credential
from expunge.certificates.offline import Trust, trust, verification
from expunge.certificates.offline.signature import read_signed
from expunge.certificates.offline.statement import read_statement
from expunge.certificates.offline.trust import read_roots
from expunge.certificates.status import Revoked, StatusList, write_status
from expunge.common.pki import DOCUMENT_SIGNING, credential, elliptic
from tests.expunge.certificates.conftest import Issued
from tests.expunge.certificates.forgeries import FORGERIES, Materials, Shown

PARTS = 20
FORGED = int(os.environ.get("EXPUNGE_FORGERIES", "2000"))
pytestmark = pytest.mark.django_db  # the certificates are issued from a database, once


def status_list(issued_at: datetime, *revoked: Revoked) -> bytes:
    own = statement_credential()
    assert isinstance(own.key, Ed25519PrivateKey)
    content = StatusList("Expunge (development)", issued_at, log_origin(), revoked)
    payload = json.dumps(write_status(content)).encode()
    return seal(payload, own.key, own.certificate, STATUS_TYPE)


@pytest.fixture(scope="module")
def materials(issued: Issued, tmp_path_factory: Any) -> Materials:
    file = read_signed(issued.pdf, issued.trust.roots)
    stated = read_statement(
        file.attachments["statement.dsse.json"], issued.trust.roots, file.signed_at
    )
    now = datetime.now(UTC)
    revoked = Revoked("EC-0", stated.digest, "issued_in_error", now, 3)
    newest = [item.note for item in read_export(issued.export) if isinstance(item, StampedNote)][-1]
    honest = Shown(
        issued.pdf,
        issued.trust,
        issued.sidecar,
        issued.export.read_text(),
        status_list(now),
        (newest,),
    )
    folder = tmp_path_factory.mktemp("stranger")
    credential(
        folder,
        "document",
        title="Mallory",
        usage=DOCUMENT_SIGNING,
        make=elliptic,
        generate=True,
    )
    key = Ed25519PrivateKey.generate()
    return Materials(
        export=issued.export,
        honest=honest,
        other=replace(honest, pdf=issued.other, sidecar=None),
        revoked=status_list(now, revoked),
        early_list=status_list(now - timedelta(days=1)),
        log_secret=checkpoint_key(),
        stamp=timestamp,
        stranger=Trust(
            read_roots((folder / "roots.pem").read_bytes()),
            (public_key(log_origin(), key),),
            (public_key("mallory", key, COSIGNATURE),),
        ),
    )


@pytest.fixture(scope="module", autouse=True)
def look_once_at_what_is_not_altered() -> Iterator[None]:
    """Remember what was found of a file, a statement, a token: the same bytes say the same."""
    files, statements, tokens = cache(read_signed), cache(read_statement), cache(token_moment)
    with pytest.MonkeyPatch.context() as verifier:
        verifier.setattr(
            verification, "read_signed", lambda pdf, roots, at=None: files(pdf, tuple(roots), at)
        )
        verifier.setattr(
            verification,
            "read_statement",
            lambda data, roots, moment: statements(data, tuple(roots), moment),
        )
        verifier.setattr(
            trust, "token_moment", lambda token, note, roots: tokens(token, note, tuple(roots))
        )
        yield


def plan(part: int) -> Iterator[tuple[int, str]]:
    """Yield the forgeries of one part: a number, which is the seed, and the kind."""
    whole = sum(weight for weight, _ in FORGERIES.values())
    kinds = [
        name
        for name, (weight, _) in FORGERIES.items()
        for _ in range(ceil(weight * FORGED / whole))
    ]
    Random(20).shuffle(kinds)  # noqa: S311 - an order, not a secret
    yield from list(enumerate(kinds))[part::PARTS]


def test_there_are_as_many_forgeries_as_promised() -> None:
    assert sum(1 for part in range(PARTS) for _ in plan(part)) >= FORGED


@pytest.mark.parametrize("part", range(PARTS))
def test_no_forgery_is_believed(materials: Materials, tmp_path: Path, part: int) -> None:
    believed = []
    for number, kind in plan(part):
        shown = FORGERIES[kind][1](materials, Random(number))  # noqa: S311 - as above
        assert shown != materials.honest, (number, kind, "is no forgery")
        if shown.looked_at(tmp_path).valid:
            believed.append((number, kind))
    assert believed == []


def test_what_was_not_altered_is_believed(materials: Materials, tmp_path: Path) -> None:
    honest = materials.honest
    for shown in (
        honest,
        replace(honest, sidecar=None),
        replace(honest, log=None, kept=()),
        replace(honest, status=None),
        replace(honest, kept=()),
        Shown(honest.pdf, honest.trust),
        Shown(materials.other.pdf, honest.trust, log=honest.log, status=honest.status),
    ):
        outcome = shown.looked_at(tmp_path)
        assert outcome.valid, outcome.findings
