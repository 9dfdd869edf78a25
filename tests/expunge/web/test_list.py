"""The list of tickets: filters, orders, pages by key, views, the file, and many at once."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from expunge.accounts.models import Membership, Role
from expunge.accounts.permissions import Actor
from expunge.common.clock import now
from expunge.common.errors import ConflictError, NotAllowedError, NotFoundError
from expunge.desk.models import BulkItem, BulkRun, SavedView
from expunge.desk.runs import AT_ONCE, bulk_carry_out, bulk_start, bulk_stop, run_counts, run_get
from expunge.desk.saved_views import view_open_with, view_remove, view_save, views_of
from expunge.tickets.listing import Order, TicketFilter, tickets_listed, tickets_sorted
from expunge.tickets.models import Ticket
from expunge.tickets.rules import Task
from expunge.tickets.states import TicketState
from expunge.web.export import export_lines
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People, leaves
from tests.expunge.tour import Tour
from tests.expunge.web.conftest import SignedIn


def names(tour: Tour, found: Any) -> set[str]:
    pks = set(found.values_list("pk", flat=True))
    return {name for name, ticket in tour.tickets.items() if ticket.pk in pks}


def rows(client: Client, query: str = "sort=") -> list[str]:
    return [ticket.reference for ticket in client.get(f"/tickets/?{query}").context["page"].rows]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (TicketFilter(states="hold"), {"held"}),
        (TicketFilter(states="failed"), {"failed"}),
        (TicketFilter(states="people"), {"identity", "review", "approval"}),
        (TicketFilter(states="rejected"), {"rejected"}),
        (TicketFilter(states="ended"), {"rejected"}),
        (TicketFilter(regime="ccpa"), {"failed"}),
        (TicketFilter(due="overdue"), {"approval"}),
        (TicketFilter(due="week"), {"approval", "review"}),
        (TicketFilter(waiting=True), {"identity", "review", "failed"}),
        (TicketFilter(search="lena VOGT"), {"closed"}),
        (TicketFilter(search="Lena"), set()),
    ],
)
def test_a_filter_finds_what_it_names(
    grand_tour: Tour, wanted: TicketFilter, expected: set[str]
) -> None:
    found = names(grand_tour, tickets_listed(grand_tour.people.alice, wanted))
    assert found - {"closed"} == expected - {"closed"}
    assert not tickets_listed(grand_tour.people.mallory, wanted).exists()


@pytest.mark.parametrize("order", list(Order))
def test_pages_by_key_show_every_ticket_once_and_in_order(grand_tour: Tour, order: Order) -> None:
    everything = tickets_listed(grand_tour.people.alice, TicketFilter())
    wanted = list(tickets_sorted(everything, order))
    seen: list[Ticket] = []
    while page := list(
        tickets_sorted(
            everything, order, [getattr(seen[-1], key) for key in order.keys] if seen else ()
        )[:3]
    ):
        seen += page
    assert seen == wanted and len(seen) == 8


def test_pages_lead_through_the_whole_list(
    signed_in: SignedIn, cast: People, file_ticket: FileTicket
) -> None:
    made = {file_ticket(received_at=now() - timedelta(days=day % 3)).reference for day in range(30)}
    alice = signed_in(cast.alice)
    for sort in ("", "due", "-reference", "state"):
        page = alice.get(f"/tickets/?sort={sort}").context["page"]
        assert page.total == 30 and len(page.rows) == 25 and not page.first
        rest = alice.get(f"/tickets/?{page.next}").context["page"]
        assert not rest.next and rest.first
        assert {item.reference for item in (*page.rows, *rest.rows)} == made


@pytest.mark.parametrize(
    "query",
    [
        "state=x&regime=x&due=x&by=x&sort=x&found=x",
        "after=x",
        "after=x&after=y",
        "sort=due&after=2026-99-99&after=z",
    ],
)
def test_nonsense_in_an_address_reads_as_nothing(
    signed_in: SignedIn, grand_tour: Tour, query: str
) -> None:
    assert len(rows(signed_in(grand_tour.people.alice), query)) == 8


def test_a_search_is_kept_on_the_server_and_only_for_its_person(
    signed_in: SignedIn, grand_tour: Tour
) -> None:
    alice = signed_in(grand_tour.people.alice)
    address = alice.post("/tickets/find/", {"search": "Paul Neumann"}).headers["Location"]
    assert "Neumann" not in address and "Neumann" not in str(dict(alice.session))
    held = grand_tour.tickets["held"].reference
    assert [item.reference for item in alice.get(address).context["page"].rows] == [held]
    assert len(signed_in(grand_tour.people.bob).get(address).context["page"].rows) == 8


def test_lists_name_nobody_in_full(signed_in: SignedIn, grand_tour: Tour) -> None:
    page = signed_in(grand_tour.people.alice).get("/tickets/?by=").content.decode()
    assert ">C.</td>" in page and ">Carol</td>" not in page


class TestViews:
    def save(self, actor: Actor, people: People, **given: Any) -> SavedView:
        defaults: dict[str, Any] = {"name": "Mine", "query": "due=overdue"}
        return view_save(actor=actor, controller_id=people.controller.pk, **{**defaults, **given})

    def test_a_view_is_saved_from_the_list_without_the_search(
        self, signed_in: SignedIn, grand_tour: Tour
    ) -> None:
        alice = signed_in(grand_tour.people.alice)
        alice.post(
            "/tickets/views/",
            {
                "name": "Late ones",
                "query": "due=overdue&found=abc&x=1",
                "controller": grand_tour.people.controller.pk,
                "default": "1",
            },
        )
        view = SavedView.objects.get()
        assert view.query == "due=overdue" and not view.shared
        assert alice.get("/tickets/").headers["Location"] == "/tickets/?due=overdue"
        assert rows(alice, view.query) == [grand_tour.tickets["approval"].reference]
        assert b"Late ones" in alice.get("/tickets/views/").content

    def test_only_a_shared_view_is_seen_by_others_of_the_organisation(self, cast: People) -> None:
        own = self.save(cast.alice, cast)
        shared = self.save(cast.alice, cast, name="Ours", shared=True)
        assert set(views_of(cast.alice)) == {own, shared}
        assert set(views_of(cast.bob)) == {shared}
        assert not views_of(cast.mallory).exists()

    def test_nobody_changes_the_view_of_another(self, cast: People) -> None:
        own, shared = (
            self.save(cast.alice, cast),
            self.save(cast.alice, cast, name="O", shared=True),
        )
        for actor in (cast.bob, cast.mallory):
            with pytest.raises(NotFoundError):
                view_remove(actor=actor, view_id=own.pk)
        with pytest.raises(NotAllowedError):
            view_remove(actor=cast.bob, view_id=shared.pk)
        with pytest.raises(NotFoundError):
            view_open_with(actor=cast.mallory, view_id=shared.pk)
        with pytest.raises(NotFoundError):
            self.save(cast.mallory, cast)
        view_open_with(actor=cast.bob, view_id=shared.pk)
        view_remove(actor=cast.alice, view_id=shared.pk)
        assert list(SavedView.objects.all()) == [own]
        assert [leaf["subject"] for leaf in leaves("view.removed")] == [{"view": str(shared.pk)}]

    def test_the_same_name_replaces_ones_own_view(self, cast: People) -> None:
        first = self.save(cast.alice, cast)
        again = self.save(cast.alice, cast, query="state=hold")
        other = self.save(cast.bob, cast)
        assert first.pk == again.pk != other.pk
        assert len(leaves("view.saved")) == 3


class TestExport:
    def test_the_file_holds_the_filter_and_no_name(
        self, signed_in: SignedIn, grand_tour: Tour
    ) -> None:
        answer = signed_in(grand_tour.people.alice).get("/tickets/export.csv?due=overdue")
        text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
        (row,) = csv.DictReader(io.StringIO(text))
        assert row["reference"] == grand_tour.tickets["approval"].reference
        assert row["overdue"] == "yes" and row["ended"] == ""
        assert "Erika" not in text and "Carol" not in text
        assert leaves("tickets.exported")[0]["data"] == {"filter": "due=overdue"}
        mallory = signed_in(grand_tour.people.mallory).get("/tickets/export.csv")
        assert len(b"".join(mallory.streaming_content).splitlines()) == 1  # type: ignore[attr-defined]

    def test_no_value_is_read_as_a_formula(self, grand_tour: Tour) -> None:
        ticket = grand_tour.tickets["review"]
        for evil in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"):
            ticket.controller.name = evil
            line = list(export_lines([ticket]))[-1]
            assert next(csv.reader(io.StringIO(line)))[1].startswith("'")


@pytest.fixture
def many(file_ticket: FileTicket) -> list[Ticket]:
    return [file_ticket() for _ in range(4)]


class TestBulk:
    def start(self, actor: Actor, tickets: list[Ticket], task: Task = Task.SUBMIT) -> BulkRun:
        return bulk_start(
            actor=actor, task=task, tickets=[item.pk for item in tickets], text="Checked."
        )

    def test_each_ticket_is_done_for_itself_and_refusals_are_listed(
        self, signed_in: SignedIn, cast: People, many: list[Ticket]
    ) -> None:
        alice = signed_in(cast.alice)
        alice.post(f"/tickets/{many[0].pk}/submit/", {"text": "Done already."})
        picked = {"task": "submit", "ticket": [item.pk for item in many], "query": ""}
        page = alice.post("/tickets/bulk/", picked).content.decode()
        assert "This concerns 4 tickets." in page and BulkRun.objects.count() == 0
        answer = alice.post("/tickets/bulk/", {**picked, "count": "4", "text": "Checked."})
        page = alice.get(answer.headers["Location"]).content.decode()
        assert many[0].reference in page and "is not possible while the ticket is" in page
        assert {item.state for item in Ticket.objects.all()} == {TicketState.AWAITING_APPROVAL}
        counts = run_counts(BulkRun.objects.get())
        assert (counts.done, counts.refused, counts.waiting) == (3, 1, 0)

    def test_the_whole_filter_is_counted_before_anything_is_done(
        self, signed_in: SignedIn, cast: People, many: list[Ticket], file_ticket: FileTicket
    ) -> None:
        alice = signed_in(cast.alice)
        whole = {"task": "submit", "whole": "1", "query": "state=under_review", "text": "Checked."}
        assert b"This concerns 4 tickets." in alice.post("/tickets/bulk/", whole).content
        many.append(file_ticket())
        page = alice.post("/tickets/bulk/", {**whole, "count": "4"}).content
        assert b"has changed" in page and b"This concerns 5 tickets." in page
        assert not BulkRun.objects.exists()
        alice.post("/tickets/bulk/", {**whole, "count": "5"})
        assert not Ticket.objects.filter(state=TicketState.UNDER_REVIEW).exists()

    def test_a_reason_is_asked_for_as_for_one_ticket(
        self, signed_in: SignedIn, cast: People, many: list[Ticket]
    ) -> None:
        picked = {"task": "reject", "ticket": [many[0].pk], "count": "1", "text": "No."}
        page = signed_in(cast.alice).post("/tickets/bulk/", picked).content
        assert b"This field is required." in page and not BulkRun.objects.exists()

    def test_large_runs_wait_for_a_worker_and_show_their_progress(
        self, signed_in: SignedIn, cast: People, many: list[Ticket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("expunge.web.views.bulk.AT_ONCE", 2)
        alice = signed_in(cast.alice)
        picked = {"task": "submit", "ticket": [t.pk for t in many], "count": "4", "text": "Yes."}
        address = alice.post("/tickets/bulk/", picked).headers["Location"]
        assert b'hx-get="' in alice.get(address).content
        fragment = alice.get(address, headers={"HX-Request": "true"})
        assert fragment.status_code == 200 and b"<html" not in fragment.content
        bulk_carry_out(BulkRun.objects.get().pk)
        over = alice.get(address, headers={"HX-Request": "true"})
        assert over.status_code == 286 and over.headers["HX-Refresh"] == "true"
        assert BulkRun.objects.get().text is None, "the reason is erased with the run"

    def test_a_run_goes_on_where_it_stood_and_does_nothing_twice(
        self, cast: People, many: list[Ticket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = self.start(cast.alice, many)
        broken = iter([True, True])

        def crash(task: Task, **given: Any) -> None:
            if next(broken, None) is None:
                raise RuntimeError("the worker dies")

        with monkeypatch.context() as patch:
            patch.setattr("expunge.desk.runs.task_run", crash)
            with pytest.raises(RuntimeError):
                bulk_carry_out(run.pk)
        assert BulkItem.objects.filter(result="done").count() == 2
        bulk_carry_out(run.pk)
        bulk_carry_out(run.pk)
        assert run_counts(run_get(cast.alice, run.pk)).done == 4
        assert len(leaves("bulk.started")) == 1

    def test_a_stopped_run_leaves_the_rest_alone(self, cast: People, many: list[Ticket]) -> None:
        run = self.start(cast.alice, many)
        bulk_stop(actor=cast.alice, run_id=run.pk)
        bulk_carry_out(run.pk)
        assert run_counts(run_get(cast.alice, run.pk)).waiting == 4
        assert len(leaves("bulk.stopped")) == 1

    def test_a_run_belongs_to_one_person_and_one_at_a_time(
        self, signed_in: SignedIn, cast: People, many: list[Ticket]
    ) -> None:
        run = self.start(cast.alice, many)
        for other in (cast.bob, cast.mallory):
            with pytest.raises(NotFoundError):
                bulk_stop(actor=other, run_id=run.pk)
            assert signed_in(other).get(f"/tickets/bulk/runs/{run.pk}/").status_code == 404
        with pytest.raises(ConflictError):
            self.start(cast.alice, many)

    def test_a_person_who_lost_the_role_does_nothing_more(
        self, cast: People, many: list[Ticket]
    ) -> None:
        run = self.start(cast.alice, many)
        Membership.objects.filter(user=cast.alice.user).update(role=Role.AUDITOR)
        bulk_carry_out(run.pk)
        assert set(BulkItem.objects.values_list("result", flat=True)) == {"permission_missing"}

    def test_mallory_reaches_no_ticket_of_others(
        self, signed_in: SignedIn, cast: People, many: list[Ticket]
    ) -> None:
        mallory = signed_in(cast.mallory)
        for given in ({"ticket": [many[0].pk]}, {"whole": "1", "query": ""}):
            answer = mallory.post("/tickets/bulk/", {"task": "submit", **given})
            assert answer.status_code == 422
        bulk_carry_out(self.start(cast.mallory, many).pk)
        assert set(BulkItem.objects.values_list("result", flat=True)) == {"ticket_unknown"}
        assert {item.state for item in Ticket.objects.all()} == {TicketState.UNDER_REVIEW}

    def test_what_fits_in_a_request_is_small(self) -> None:
        assert AT_ONCE <= 50
