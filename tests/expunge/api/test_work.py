"""Jobs, attempts and the audit log by API."""

from __future__ import annotations

import base64
import hashlib

import pytest

from expunge.audit.services import checkpoint_sign
from expunge.jobs.models import ErasureJob
from tests.expunge.api.conftest import AsScript
from tests.expunge.tour import Tour


def test_work_is_read_attempt_by_attempt(script: AsScript, grand_tour: Tour) -> None:
    dora = script(grand_tour.people.dora)
    (job,) = dora.get(f"tickets/{grand_tour.tickets['closed'].pk}/jobs").json()
    assert [item["state"] for item in job["attempts"]] == ["refuted", "passed"]
    attempt = dora.get(f"attempts/{job['attempts'][0]['id']}").json()
    assert attempt["report"]["verdict"] == "fail"
    page = dora.get(f"attempts/{job['attempts'][0]['id']}/report.html")
    assert page["Content-Type"].startswith("text/html") and "Verification report" in page.text
    asked = dora.get(
        f"attempts/{job['attempts'][0]['id']}/report.html", headers={"Accept": "text/html"}
    )
    assert asked.text == page.text
    refused = dora.get("tickets", headers={"Accept": "text/html"})
    assert (refused.status_code, refused.json()["code"]) == (406, "not_acceptable")
    assert refused["Content-Type"] == "application/problem+json"
    assert dora.get(f"jobs/{job['id']}").json()["id"] == job["id"]


def test_what_is_at_work_is_listed_and_cancelled(script: AsScript, grand_tour: Tour) -> None:
    people = grand_tour.people
    (job,) = script(people.carol).get("jobs").json()["results"]
    path = f"jobs/{job['id']}/cancel"
    assert script(people.mallory).post(path).status_code == 404
    assert script(people.alice).post(path).status_code == 403
    assert script(people.carol).post(path).status_code == 200
    again = script(people.carol).post(f"jobs/{ErasureJob.objects.first().pk}/cancel")  # type: ignore[union-attr]
    assert again.status_code == 409 and again.json()["code"] == "job_over"


def test_mallory_sees_no_work(script: AsScript, grand_tour: Tour) -> None:
    mallory = script(grand_tour.people.mallory)
    assert mallory.get("jobs").json()["results"] == []
    for job in ErasureJob.objects.all():
        assert mallory.get(f"jobs/{job.pk}").status_code == 404
        assert mallory.get(f"tickets/{job.ticket_id}/jobs").status_code == 404
        for attempt in job.attempts.all():
            assert mallory.get(f"attempts/{attempt.pk}").status_code == 404
            assert mallory.get(f"attempts/{attempt.pk}/report.html").status_code == 404


def test_the_log_is_read_by_auditors_only(script: AsScript, grand_tour: Tour) -> None:
    people = grand_tour.people
    leaf = script(people.dora).get("audit/leaves").json()["results"][0]
    data = base64.b64decode(leaf["data"])
    assert hashlib.sha256(b"\x00" + data).hexdigest() == leaf["leaf_hash"]
    for path in ("audit/leaves", "audit/checkpoint"):
        assert script(people.carol).get(path).status_code == 403, path
    mallory = script(people.mallory)
    assert mallory.get(f"audit/leaves/{leaf['seq']}/proof").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_proof_leads_to_a_signed_checkpoint(script: AsScript, grand_tour: Tour) -> None:
    checkpoint_sign()
    dora = script(grand_tour.people.dora)
    proof = dora.get("audit/leaves/2/proof").json()
    latest = dora.get("audit/checkpoint").json()
    assert proof["checkpoint"]["size"] > 2
    assert latest["size"] >= proof["checkpoint"]["size"]
    assert latest["note"].splitlines()[1] == str(latest["size"])
