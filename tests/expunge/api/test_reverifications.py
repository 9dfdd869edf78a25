"""Re-verifications and revocations by script: what one may see, and what one may not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from expunge.certificates.envelope import STATUS_TYPE, unseal
from expunge.certificates.models import Certificate
from expunge.certificates.tasks import status_renew
from expunge.jobs.models import Attempt, Reverification
from expunge.registry.models import ModelVersion
from tests.expunge.api.conftest import AsScript
from tests.expunge.factories import People
from tests.expunge.tour import tour

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def certificate(cast: People, tmp_path: Path) -> Certificate:
    tour(cast, tmp_path, certified=True)
    return Certificate.objects.get()


@pytest.fixture
def review(certificate: Certificate) -> Reverification:
    basis = Attempt.objects.filter(job__ticket_id=certificate.ticket_id).latest("created_at")
    return Reverification.objects.create(
        certificate=certificate,
        ticket_id=certificate.ticket_id,
        version=ModelVersion.objects.latest("created_at"),
        basis=basis,
    )


def revoke(script: AsScript, actor: Any, certificate: Certificate) -> Any:
    given = {"reason": "issued_in_error", "text": "The wrong person."}
    return script(actor).post(f"certificates/{certificate.pk}/revoke", given)


def test_a_reverification_is_listed_and_read(
    cast: People, script: AsScript, review: Reverification
) -> None:
    dora = script(cast.dora)
    (line,) = dora.get("reverifications", ticket=str(review.ticket_id)).json()["results"]
    assert (line["id"], line["state"]) == (str(review.pk), "queued")
    assert dora.get("reverifications", state="regressed").json()["results"] == []
    assert dora.get(f"reverifications/{review.pk}").json()["report"] is None


def test_mallory_learns_nothing_of_it(
    cast: People, script: AsScript, review: Reverification
) -> None:
    mallory = script(cast.mallory)
    assert mallory.get("reverifications").json()["results"] == []
    assert mallory.get(f"reverifications/{review.pk}").status_code == 404
    assert revoke(script, cast.mallory, review.certificate).status_code == 404


def test_the_officer_revokes_and_the_list_says_so(
    cast: People, script: AsScript, certificate: Certificate
) -> None:
    answer = revoke(script, cast.alice, certificate)
    assert answer.status_code == 200, answer.content
    assert answer.json()["revoked_reason"] == "issued_in_error"
    assert revoke(script, cast.alice, certificate).status_code == 409
    status_renew()
    listed = script(cast.dora).get("certificates/status").content
    revoked = json.loads(unseal(listed, STATUS_TYPE).payload)["revoked"]
    assert [item["number"] for item in revoked] == [certificate.number]


@pytest.mark.parametrize("name", ["bob", "carol", "dora"])
def test_other_roles_may_not_revoke(
    cast: People, script: AsScript, certificate: Certificate, name: str
) -> None:
    assert revoke(script, getattr(cast, name), certificate).status_code == 403
    assert not Certificate.objects.get(pk=certificate.pk).is_revoked
