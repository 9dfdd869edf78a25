"""Saved views and runs over many tickets, for scripts."""

from __future__ import annotations

import pytest

from expunge.accounts.models import ApiToken
from expunge.common.clock import now
from expunge.desk.models import BulkRun, SavedView
from expunge.desk.runs import bulk_carry_out, bulk_start
from expunge.desk.saved_views import view_save
from expunge.tickets.models import Ticket
from expunge.tickets.rules import Task
from tests.expunge.api.conftest import AsScript
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People, leaves

REVIEW = {"state": "under_review", "sort": "due"}
SUBMIT = {"task": "submit", "text": "Ground checked."}


def test_a_view_that_a_script_saves_is_the_one_of_the_page(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    alice = script(cast.alice)
    saved = alice.post("views", {"name": "To review", "filter": REVIEW, "default": True})
    assert saved.status_code == 201, saved.content
    view = saved.json()
    assert view["filter"] == REVIEW and view["mine"] and view["default"]
    assert [item["name"] for item in alice.get("views").json()["results"]] == ["To review"]
    found = alice.get(f"views/{view['id']}/tickets").json()["results"]
    assert [item["id"] for item in found] == [str(ticket.pk)]
    assert len(leaves("view.saved")) == 1
    assert alice.delete(f"views/{view['id']}").status_code == 204
    assert alice.get(f"views/{view['id']}").json()["code"] == "view_unknown"


def test_a_shared_view_is_read_by_others_and_removed_by_its_owner_alone(
    script: AsScript, cast: People
) -> None:
    view = view_save(
        actor=cast.alice,
        controller_id=cast.controller.pk,
        name="Late",
        query="due=overdue",
        shared=True,
    )
    seen = script(cast.bob).get(f"views/{view.pk}").json()
    assert seen["filter"] == {"due": "overdue"} and not seen["mine"] and not seen["default"]
    refused = script(cast.bob).delete(f"views/{view.pk}")
    assert refused.status_code == 403 and refused.json()["code"] == "view_not_yours"
    assert script(cast.mallory).get(f"views/{view.pk}").status_code == 404
    assert script(cast.mallory).get("views").json()["results"] == []


@pytest.mark.parametrize("given", [{"state": "lost"}, {"sort": "name"}, {"by": "x"}])
def test_a_view_refuses_a_code_that_is_none(
    script: AsScript, cast: People, given: dict[str, str]
) -> None:
    answer = script(cast.alice).post("views", {"name": "Odd", "filter": given})
    assert answer.status_code == 422 and answer.json()["code"] == "invalid_input"


def test_a_view_never_keeps_a_name(script: AsScript, cast: People) -> None:
    sent = {"name": "Odd", "filter": {"search": "Erika Mustermann"}}
    answer = script(cast.alice).post("views", sent)
    assert b"Erika" not in answer.content and not SavedView.objects.exclude(query="").exists()


def test_a_run_goes_on_by_itself_and_says_how_far_it_is(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    first, ended = file_ticket(), file_ticket()
    script(cast.carol).post(f"tickets/{ended.pk}/withdraw", {"reason": "by_person", "text": ""})
    alice = script(cast.alice)
    started = alice.post("runs", {**SUBMIT, "ids": [str(first.pk), str(ended.pk)]})
    assert started.status_code == 202, started.content
    run = started.json()
    assert (run["total"], run["counts"]) == (2, {"done": 0, "refused": 0, "waiting": 2})
    assert [item["id"] for item in alice.get("runs").json()["results"]] == [run["id"]]
    bulk_carry_out(BulkRun.objects.get().pk)
    over = alice.get(f"runs/{run['id']}").json()
    assert over["counts"] == {"done": 1, "refused": 1, "waiting": 0} and over["ended_at"]
    (refused,) = alice.get(f"runs/{run['id']}/tickets", refused="true").json()["results"]
    assert refused["ticket"] == str(ended.pk) and refused["result"] == "ticket_state"
    assert script(cast.bob).get(f"runs/{run['id']}").status_code == 404


def test_a_run_ends_with_the_token_that_started_it(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    script(cast.alice).post("runs", {**SUBMIT, "ids": [str(ticket.pk)]})
    ApiToken.objects.update(revoked_at=now())
    run = BulkRun.objects.get()
    bulk_carry_out(run.pk)
    run.refresh_from_db()
    assert run.ended_at and run.stopped and run.text is None
    assert Ticket.objects.get(pk=ticket.pk).state == "under_review"


def test_a_run_may_no_more_than_its_token(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    ticket = file_ticket()
    narrow = script(cast.alice, "ticket.view", "ticket.file")
    run = narrow.post("runs", {**SUBMIT, "ids": [str(ticket.pk)]}).json()
    bulk_carry_out(BulkRun.objects.get().pk)
    (refused,) = narrow.get(f"runs/{run['id']}/tickets", refused="true").json()["results"]
    assert refused["result"] == "permission_missing"


def test_runs_of_the_pages_are_not_a_tokens(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    run = bulk_start(actor=cast.alice, task=Task.SUBMIT, tickets=[file_ticket().pk], text="Checked")
    alice = script(cast.alice)
    assert alice.get("runs").json()["results"] == []
    assert alice.post(f"runs/{run.pk}/stop").status_code == 404


def test_a_run_is_stopped_and_says_so(
    script: AsScript, cast: People, file_ticket: FileTicket
) -> None:
    alice = script(cast.alice)
    run = alice.post("runs", {**SUBMIT, "ids": [str(file_ticket().pk)]}).json()
    assert alice.post(f"runs/{run['id']}/stop").json()["stopped"] is True
    bulk_carry_out(BulkRun.objects.get().pk)
    over = alice.get(f"runs/{run['id']}").json()
    assert over["ended_at"] and over["counts"]["waiting"] == 1
