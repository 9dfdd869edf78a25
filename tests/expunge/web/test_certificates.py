"""Certificates are handed out byte for byte, and only to those who may see them."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from expunge.certificates.models import Certificate
from tests.expunge.factories import People
from tests.expunge.tour import tour
from tests.expunge.web.conftest import SignedIn


@pytest.mark.django_db(transaction=True)
def test_a_certificate_is_downloaded_by_those_who_may(
    signed_in: SignedIn, cast: People, tmp_path: Path
) -> None:
    there = tour(cast, tmp_path, certified=True)
    certificate = Certificate.objects.get()
    for who in (cast.alice, cast.bob, cast.carol, cast.dora):
        pdf = signed_in(who).get(f"/certificates/{certificate.pk}.pdf")
        assert pdf.content.startswith(b"%PDF-")
        assert certificate.pdf_sha256.endswith(sha256(pdf.content).hexdigest())
        assert "no-store" in pdf.headers["Cache-Control"]
        assert certificate.number in pdf.headers["Content-Disposition"]
    sidecar = signed_in(cast.dora).get(f"/certificates/{certificate.pk}.json")
    assert sidecar.json()["seq"] == certificate.issued_seq
    for who in (cast.mallory, cast.ada):
        assert signed_in(who).get(f"/certificates/{certificate.pk}.pdf").status_code == 404
        assert signed_in(who).get(f"/certificates/{certificate.pk}.json").status_code == 404
    ticket = there.tickets["closed"]
    page = signed_in(cast.dora).get(f"/tickets/{ticket.pk}/").content.decode()
    assert f"/certificates/{certificate.pk}.pdf" in page
    assert certificate.number in signed_in(cast.dora).get("/certificates/").content.decode()


def test_a_number_that_cannot_be_one_finds_nothing(signed_in: SignedIn, cast: People) -> None:
    answer = signed_in(cast.alice).get("/certificates/", {"number": "EC-\0"})
    assert answer.status_code == 200
