"""Certificates by API."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from tests.expunge.api.conftest import AsScript
from tests.expunge.factories import People
from tests.expunge.tour import tour


@pytest.mark.django_db(transaction=True)
def test_an_auditor_fetches_a_certificate_and_its_proof(
    script: AsScript, cast: People, tmp_path: Path
) -> None:
    tour(cast, tmp_path, certified=True)
    dora, mallory = script(cast.dora), script(cast.mallory)
    (found,) = dora.get("certificates").json()["results"]
    path = f"certificates/{found['id']}"
    assert dora.get(path).json() == found
    pdf = dora.get(f"{path}/pdf")
    assert found["pdf_sha256"].endswith(sha256(pdf.content).hexdigest())
    assert pdf.headers["Content-Type"] == "application/pdf"
    asked = dora.get(f"{path}/pdf", headers={"Accept": "application/pdf"})
    assert (asked.status_code, asked.content) == (200, pdf.content)
    assert dora.get(f"{path}/sidecar").json()["seq"] == found["issued_seq"]
    assert dora.get(f"audit/leaves/{found['issued_seq']}/proof").json()["path"] is not None
    assert mallory.get("certificates").json()["results"] == []
    for part in ("", "/pdf", "/sidecar"):
        assert mallory.get(path + part).status_code == 404
