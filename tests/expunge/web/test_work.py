"""The work on a ticket as it is watched: live, readable, and stopped only by who may."""

from __future__ import annotations

from expunge.jobs.models import Attempt, ErasureJob
from expunge.jobs.states import AttemptState
from tests.expunge.tour import Tour
from tests.expunge.web.conftest import SignedIn


def test_an_attempt_tells_its_story(signed_in: SignedIn, grand_tour: Tour) -> None:
    ticket = grand_tour.tickets["closed"]
    page = signed_in(grand_tour.people.dora).get(f"/tickets/{ticket.pk}/").content.decode()
    assert "Negative preference optimisation" in page and "Unlearn, perturb, distil (UNDO)" in page
    assert "the knowledge was hidden, not removed" in page
    assert "escalating to Unlearn, perturb, distil (UNDO)" in page and "npo" not in page
    assert "<svg" in page and "Not verified" in page and "0.63 to 0.79" in page


def test_the_learned_order_of_methods_is_explained_with_its_numbers(
    signed_in: SignedIn, grand_tour: Tour
) -> None:
    alice = signed_in(grand_tour.people.alice)
    page = alice.get(f"/tickets/{grand_tour.tickets['closed'].pk}/").content.decode()
    assert "Why this order: Unlearn, perturb, distil (UNDO) first" in page
    assert "12 of 12" in page and "1 of 7" in page and "left out" in page
    page = alice.get(f"/tickets/{grand_tour.tickets['failed'].pk}/").content.decode()
    assert "Why this order" not in page, "where the ladder's own order holds there is no plan"


def test_what_could_not_run_is_said_in_words(signed_in: SignedIn, grand_tour: Tour) -> None:
    ticket = grand_tour.tickets["failed"]
    page = signed_in(grand_tour.people.alice).get(f"/tickets/{ticket.pk}/").content.decode()
    assert "disk is full. Free space, then retry the ticket." in page.replace("&#x27;", "'")


def test_a_report_that_cannot_be_read_does_not_break_the_page(
    signed_in: SignedIn, grand_tour: Tour
) -> None:
    Attempt.objects.update(report={"schema": "expunge.report/0"})
    ticket = grand_tour.tickets["closed"]
    assert signed_in(grand_tour.people.alice).get(f"/tickets/{ticket.pk}/").status_code == 200


def test_the_report_is_a_page_to_keep(signed_in: SignedIn, grand_tour: Tour) -> None:
    alice, mallory = signed_in(grand_tour.people.alice), signed_in(grand_tour.people.mallory)
    attempt = Attempt.objects.filter(state=AttemptState.PASSED).first()
    assert attempt is not None
    address = f"/attempts/{attempt.pk}/report.html"
    page = alice.get(f"/tickets/{attempt.job.ticket_id}/").content.decode()
    assert address in page and "Every estimate against its margin" in page
    answer = alice.get(address)
    assert answer["Content-Disposition"].startswith("attachment")
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert attempt.report["summary"] in answer.content.decode().replace("&#x27;", "'")
    assert mallory.get(address).status_code == 404


def test_without_a_report_there_is_no_page(signed_in: SignedIn, grand_tour: Tour) -> None:
    running = Attempt.objects.get(state=AttemptState.RUNNING)
    alice = signed_in(grand_tour.people.alice)
    assert alice.get(f"/attempts/{running.pk}/report.html").status_code == 404


def test_progress_is_polled_until_the_attempt_is_over(
    signed_in: SignedIn, grand_tour: Tour
) -> None:
    alice = signed_in(grand_tour.people.alice)
    attempt = Attempt.objects.get(state=AttemptState.RUNNING)
    answer = alice.get(f"/attempts/{attempt.pk}/progress/")
    assert answer.status_code == 200 and b"140 of 400" in answer.content
    over = Attempt.objects.filter(state=AttemptState.PASSED).first()
    assert over is not None
    assert alice.get(f"/attempts/{over.pk}/progress/").status_code == 286


def test_work_comes_back_only_when_it_changed(signed_in: SignedIn, grand_tour: Tour) -> None:
    alice = signed_in(grand_tour.people.alice)
    ticket = grand_tour.tickets["running"]
    address = f"/tickets/{ticket.pk}/work/"
    stamp = alice.get(f"/tickets/{ticket.pk}/").context["stamp"]
    known = {"state": "in_progress", "seen": stamp}
    assert alice.get(address, known).status_code == 204
    Attempt.objects.filter(job__ticket=ticket).update(done=200)
    assert alice.get(address, known).status_code == 204, "progress alone is no change"
    Attempt.objects.filter(job__ticket=ticket).update(state=AttemptState.REFUTED)
    assert b'id="work"' in alice.get(address, known).content
    moved = alice.get(address, {**known, "state": "approved"})
    assert moved.headers["HX-Refresh"] == "true"


def test_only_who_operates_jobs_cancels_one(signed_in: SignedIn, grand_tour: Tour) -> None:
    job = ErasureJob.objects.get(ticket=grand_tour.tickets["running"])
    address = f"/jobs/{job.pk}/cancel/"
    people = grand_tour.people
    assert signed_in(people.mallory).post(address).status_code == 404
    assert signed_in(people.alice).post(address).status_code == 403
    assert signed_in(people.carol).post(address).status_code == 302
    job.refresh_from_db()
    assert job.state == "cancelled" or Attempt.objects.get(job=job).cancel_requested
