"""One request through a real browser: filed, submitted, approved, by three persons."""

from __future__ import annotations

from pathlib import Path

import pytest

from expunge.tickets.models import Ticket
from expunge.tickets.states import TicketState
from tests.e2e.conftest import SignIn
from tests.expunge.factories import People
from tests.expunge.tour import tour

pytestmark = pytest.mark.browser


def test_three_persons_bring_a_request_to_approval(
    sign_in: SignIn, cast: People, tmp_path: Path
) -> None:
    tour(cast, tmp_path)
    before = set(Ticket.objects.values_list("pk", flat=True))

    carol = sign_in(cast.carol)
    carol.get_by_role("link", name="File a ticket").first.click()
    carol.get_by_label("Open North Clinic").click()
    carol.get_by_label("Add Erika Mustermann to the scope").click()
    carol.get_by_label("Remove Erika Mustermann").wait_for()
    carol.get_by_label("Exact name or label").fill("max beispiel")
    carol.get_by_role("button", name="Find").click()
    carol.locator("#found").get_by_label("Add Max Beispiel to the scope").click()
    carol.get_by_label("Remove Max Beispiel").wait_for()
    carol.get_by_label("Remove Max Beispiel").click()
    carol.get_by_label("Remove Max Beispiel").wait_for(state="detached")
    assert "Erika" not in carol.url
    carol.get_by_role("link", name="Continue").click()
    carol.get_by_label("Consent withdrawn").check()
    carol.get_by_role("button", name="Continue").click()
    carol.get_by_label("Whom the request is about").fill("Erika Mustermann")
    carol.get_by_label("Their identity is already shown").check()
    carol.get_by_role("button", name="Continue").click()
    carol.get_by_role("button", name="File the ticket").click()
    carol.get_by_text("Under review").first.wait_for()
    (ticket,) = Ticket.objects.exclude(pk__in=before)

    alice = sign_in(cast.alice)
    alice.get_by_role("link", name=ticket.reference).first.click()
    alice.locator("summary", has_text="Submit for approval").click()
    alice.get_by_label("Finding of the review").fill("Ground checked; the whole patient.")
    alice.get_by_role("button", name="Submit for approval").click()
    alice.get_by_text("Awaiting approval").first.wait_for()
    assert alice.locator("summary", has_text="Approve").count() == 0

    bob = sign_in(cast.bob, width=390)
    bob.get_by_role("link", name=ticket.reference).first.click()
    bob.get_by_text("Ground checked; the whole patient.").wait_for()
    bob.locator("summary", has_text="Approve").click()
    bob.get_by_label("Why you approve").fill("Agreed.")
    bob.get_by_role("button", name="Approve").click()
    bob.get_by_text("Done: approve.").wait_for()
    ticket.refresh_from_db()
    assert ticket.state in {TicketState.APPROVED, TicketState.IN_PROGRESS}


def test_progress_moves_without_a_click(sign_in: SignIn, cast: People, tmp_path: Path) -> None:
    there = tour(cast, tmp_path)
    ticket = there.tickets["running"]
    alice = sign_in(cast.alice)
    alice.goto(f"/tickets/{ticket.pk}/")
    alice.get_by_text("140 of 400").wait_for()
    (attempt,) = ticket.jobs.get().attempts.all()
    attempt.done = 360
    attempt.save(update_fields=["done"])
    alice.get_by_text("360 of 400").wait_for()


def test_a_request_is_filed_without_javascript(
    sign_in: SignIn, cast: People, tmp_path: Path
) -> None:
    tour(cast, tmp_path)
    carol = sign_in(cast.carol)
    plain = carol.context.browser.new_context(  # type: ignore[union-attr]
        java_script_enabled=False,
        storage_state=carol.context.storage_state(),
        base_url=carol.url,
    ).new_page()
    plain.goto("/tickets/new/")
    plain.get_by_label("Open North Clinic").click()
    plain.get_by_label("Add Erika Mustermann to the scope").click()
    plain.get_by_role("link", name="Continue").click()
    plain.get_by_label("Objection to the processing").check()
    plain.get_by_role("button", name="Continue").click()
    plain.get_by_label("Whom the request is about").fill("Erika Mustermann")
    plain.get_by_role("button", name="Continue").click()
    plain.get_by_role("button", name="File the ticket").click()
    assert plain.get_by_text("Identity pending").first.is_visible()
    plain.context.close()
