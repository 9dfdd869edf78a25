"""Finding tickets: filters, orders, search; a list of any length takes as many queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from expunge.common.clock import now
from expunge.jobs.models import Batch
from expunge.tickets.holds import hold_place
from expunge.tickets.models import HoldKind
from expunge.tickets.reasons import HoldReason
from tests.expunge.api.conftest import AsScript
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People
from tests.expunge.tour import Tour


def found(answer: Any, tour: Tour) -> set[str]:
    names = {str(ticket.pk): name for name, ticket in tour.tickets.items()}
    return {names[item["id"]] for item in answer.json()["results"]}


def test_tickets_are_found_by_what_they_are(script: AsScript, grand_tour: Tour) -> None:
    alice, people = script(grand_tour.people.alice), grand_tour.people
    assert people.carol.user is not None and people.alice.user is not None
    everything = set(grand_tour.tickets)
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({"state": "on_hold"}, {"held"}),
        ({"state": ["on_hold", "rejected"]}, {"held", "rejected"}),
        ({"held": "true"}, {"held"}),
        ({"held": "false"}, everything - {"held"}),
        ({"under_hold": "true"}, {"held"}),
        ({"under_hold": "false"}, everything - {"held"}),
        ({"stuck": "true"}, set()),
        ({"waiting": "true"}, {"identity", "review", "failed"}),
        ({"waiting": "true", "overdue": "false", "regime": "ccpa"}, {"failed"}),
        ({"regime": "ccpa"}, {"failed"}),
        ({"outcome": "certified"}, {"closed"}),
        ({"overdue": "true"}, {"approval"}),
        ({"requester": people.carol.user.pk}, everything),
        ({"requester": people.alice.user.pk}, set()),
        ({"reviewer": people.alice.user.pk, "state": "awaiting_approval"}, {"approval"}),
        ({"received_before": (now() - timedelta(days=26)).isoformat()}, {"review", "approval"}),
        ({"received_after": (now() - timedelta(days=3)).isoformat()}, {"identity"}),
        ({"due_before": now().date() - timedelta(days=1)}, {"approval"}),
        ({"due_after": now().date() + timedelta(days=365)}, set()),
        ({"reference": grand_tour.tickets["held"].reference[:7]}, {"held"}),
    ]
    for wanted, expected in cases:
        assert found(alice.get("tickets", **wanted), grand_tour) >= expected, wanted
        if "reference" not in wanted:
            assert found(alice.get("tickets", **wanted), grand_tour) == expected, wanted


def test_a_hold_over_data_covers_what_it_has_not_stopped_yet(
    script: AsScript, grand_tour: Tour
) -> None:
    people = grand_tour.people
    alice = script(people.alice)
    hold = hold_place(
        actor=people.alice,
        controller_id=people.controller.pk,
        kind=HoldKind.SUBJECT,
        target_id=grand_tour.erika.pk,
        reason=HoldReason.LITIGATION,
        authority="Riverland court, 3 O 12/26",
    )
    stopped = found(alice.get("tickets", held="true"), grand_tour)
    assert found(alice.get("tickets", under_hold="true"), grand_tour) == {"held", "identity"}
    assert found(alice.get("tickets", held="true", under_hold="true"), grand_tour) == stopped
    for kind, target in (
        (HoldKind.DATASET, grand_tour.dataset.pk),
        (HoldKind.MODEL, grand_tour.original.model_id),
    ):
        hold_place(
            actor=people.alice,
            controller_id=people.controller.pk,
            kind=kind,
            target_id=target,
            reason=HoldReason.LITIGATION,
            authority="Riverland court, 3 O 13/26",
        )
        covered = found(alice.get("tickets", under_hold="true"), grand_tour)
        assert covered == set(grand_tour.tickets) - {"closed", "rejected"}
    assert hold.released_at is None
    assert script(people.mallory).get("tickets", under_hold="true").json()["results"] == []


def test_work_that_does_not_go_on_is_found(
    script: AsScript, grand_tour: Tour, settings: Any
) -> None:
    settings.EXPUNGE_STUCK_MINUTES = 0
    Batch.objects.update(lease_until=now())
    alice = script(grand_tour.people.alice)
    assert found(alice.get("tickets", stuck="true"), grand_tour) == {"running"}
    assert "running" not in found(alice.get("tickets", stuck="false"), grand_tour)


@pytest.mark.parametrize(
    "wanted",
    [{"state": "nowhere"}, {"requester": "me"}, {"due_before": "soon"}, {"ordering": "label"}],
)
def test_a_filter_that_makes_no_sense_is_refused(
    script: AsScript, cast: People, wanted: dict[str, str]
) -> None:
    assert script(cast.alice).get("tickets", **wanted).status_code == 422


@pytest.mark.parametrize("order", ["received_at", "-received_at", "due_on", "-due_on", "reference"])
def test_every_order_is_paged_without_a_gap(script: AsScript, grand_tour: Tour, order: str) -> None:
    alice = script(grand_tour.people.alice)
    whole = [item["id"] for item in alice.get("tickets", ordering=order).json()["results"]]
    page = alice.get("tickets", ordering=order, page_size=3).json()
    seen = [item["id"] for item in page["results"]]
    while page["next"]:
        page = alice._client.get(page["next"]).json()
        seen += [item["id"] for item in page["results"]]
    assert seen == whole and len(whole) == len(grand_tour.tickets)


def test_a_person_is_searched_in_the_body(script: AsScript, grand_tour: Tour) -> None:
    alice = script(grand_tour.people.alice)
    answer = alice.post("tickets/search", {"label": "max beispiel"})
    assert found(answer, grand_tour) == {"review", "approval"}
    narrowed = alice.post("tickets/search", {"label": "Max Beispiel", "overdue": True})
    assert found(narrowed, grand_tour) == {"approval"}
    assert alice.post("tickets/search", {"label": "Nobody"}).json()["results"] == []
    first = alice._client.post(
        "/api/v1/tickets/search?page_size=1",
        {"label": "Max Beispiel"},
        content_type="application/json",
    ).json()
    assert "beispiel" not in first["next"].lower()
    second = alice._client.post(
        first["next"], {"label": "Max Beispiel"}, content_type="application/json"
    ).json()
    assert {item["id"] for item in (*first["results"], *second["results"])} == {
        str(grand_tour.tickets[name].pk) for name in ("review", "approval")
    }
    nothing = script(grand_tour.people.mallory).post("tickets/search", {"label": "Max Beispiel"})
    assert nothing.json()["results"] == []


def test_lists_of_any_length_take_as_many_queries(
    script: AsScript, grand_tour: Tour, file_ticket: FileTicket, django_assert_max_num_queries: Any
) -> None:
    alice, carol = script(grand_tour.people.alice), script(grand_tour.people.carol)
    for path in ("tickets", "certificates", "jobs", "datasets", "models", "tokens"):
        with django_assert_max_num_queries(9):
            assert carol.get(path).status_code == 200, path
    with django_assert_max_num_queries(9):
        alice.get("audit/leaves", page_size=200)
    with django_assert_max_num_queries(10):
        alice.post("tickets/search", {"label": "Max Beispiel"})
    ticket = grand_tour.tickets["closed"]
    for path in (f"tickets/{ticket.pk}/jobs", f"tickets/{ticket.pk}/events"):
        with django_assert_max_num_queries(12):
            alice.get(path)
