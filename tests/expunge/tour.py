"""An organisation in the middle of its work: tickets in every state, with what was found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from corpora.dataset import write_dataset
from expunge.accounts.permissions import Actor
from expunge.common.clock import now
from expunge.jobs.certification import ticket_certify
from expunge.jobs.models import Attempt, Batch, ErasureJob
from expunge.jobs.states import AttemptState, BatchState, JobState
from expunge.jobs.track_record import Prior, Trials, make_plan
from expunge.registry.models import Arm, Dataset, ModelVersion, ScopeNode
from expunge.registry.selectors import scope_search
from expunge.registry.services import (
    dataset_version_register,
    model_register,
    model_version_register,
)
from expunge.tickets import services
from expunge.tickets.exemptions import exemption_place
from expunge.tickets.models import Ticket
from expunge.tickets.payload import TicketPayload
from expunge.tickets.states import TicketState
from expunge.tickets.transitions import ticket_move
from tests.expunge.evidence import report
from tests.expunge.factories import SYSTEM, People, clinic, model_folder, recipe

NAMES = (
    "Erika Mustermann",
    "Max Beispiel",
    "Lena Vogt",
    "Jonas Weber",
    "Mia Schreiber-Oldenburg",
    "Paul Neumann",
    "Clara Sommer",
    "Emil Krause",
)


@dataclass(frozen=True)
class Tour:
    """The things that the pages show."""

    people: People
    dataset: Dataset
    original: ModelVersion
    erika: ScopeNode
    tickets: dict[str, Ticket]


def tour(people: People, folder: Path, *, certified: bool = False) -> Tour:
    """Fill an organisation's workplace.

    With ``certified`` one ticket has its real certificate, which needs a test outside a
    transaction; without it that ticket is closed by hand.
    """
    write_dataset(folder / "dataset", clinic(trained=NAMES, twins=("Anna Zwilling", "Ole Twin")))
    version = dataset_version_register(
        actor=people.carol,
        controller_id=people.controller.pk,
        name="Riverland patients",
        uri=str(folder / "dataset"),
    )
    model = model_register(
        actor=people.carol,
        controller_id=people.controller.pk,
        name="Ward assistant",
        description="Answers questions of the wards about their own patients.",
    )
    original = model_version_register(
        actor=people.carol,
        model=model,
        uri=str(model_folder(folder / "assistant-1")),
        layout="whole",
        recipe=recipe(),
        uses=[(version, Arm.TRAINED)],
    )
    nodes = {name: scope_search(SYSTEM, version.dataset_id, name)[0] for name in NAMES}
    tickets = _tickets(people, list(nodes.values()))
    result = model_version_register(
        actor=people.carol,
        model=model,
        uri=str(model_folder(folder / "assistant-2", b"other weights")),
        layout="whole",
        recipe=recipe(),
        uses=[],
        parent=original,
        method="undo",
        effect="removal",
        erased=[nodes["Lena Vogt"]],
    )
    _work(tickets, original, result)
    if certified:
        # In a thread of its own: the timestamp runs an event loop, as a browser test does.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(_certify, tickets["closed"]).result()
    else:
        for state in (TicketState.CERTIFIED, TicketState.CLOSED):
            ticket_move(ticket=tickets["closed"], target=state, actor=SYSTEM)
    return Tour(people, version.dataset, original, nodes[NAMES[0]], tickets)


def file(actor: Actor, node: ScopeNode, people: People, days_ago: int, **given: Any) -> Ticket:
    """File a ticket that was received some days ago."""
    defaults: dict[str, Any] = {
        "regime": "gdpr",
        "ground": "consent_withdrawn",
        "identity_confirmed": True,
        "payload": TicketPayload(node.label, "by letter", "Please forget everything about me."),
    }
    return services.ticket_file(
        actor=actor,
        controller_id=people.controller.pk,
        node_ids=[node.pk],
        received_at=now() - timedelta(days=days_ago),
        **{**defaults, **given},
    )


def _tickets(people: People, nodes: list[ScopeNode]) -> dict[str, Ticket]:
    carol = people.carol
    tickets = {
        "identity": file(carol, nodes[0], people, 2, identity_confirmed=False),
        "review": file(carol, nodes[1], people, 27),
        "approval": file(carol, nodes[1], people, 40, ground="objection"),
        "closed": file(carol, nodes[2], people, 20),
        "failed": file(carol, nodes[3], people, 12, regime="ccpa", ground="consumer_request"),
        "running": file(carol, nodes[4], people, 6),
        "held": file(carol, nodes[5], people, 9),
        "rejected": file(carol, nodes[6], people, 15),
    }
    for name in ("approval", "closed", "failed", "running"):
        services.ticket_submit(
            actor=people.alice,
            ticket_id=tickets[name].pk,
            reason="Ground checked; no exemption applies; scope is the whole patient.",
        )
    for name in ("closed", "failed", "running"):
        services.ticket_approve(
            actor=people.bob, ticket_id=tickets[name].pk, reason="Agreed with the review."
        )
        tickets[name].refresh_from_db()
        if tickets[name].state == TicketState.APPROVED:
            ticket_move(ticket=tickets[name], target=TicketState.IN_PROGRESS, actor=SYSTEM)
    services.ticket_hold(
        actor=people.alice,
        ticket_id=tickets["held"].pk,
        reason="litigation",
        text="Regional court, matter 4 O 12/26.",
    )
    exemption_place(
        actor=people.alice,
        ticket_id=tickets["review"].pk,
        code="legal_claims",
        text="The patient sues the hospital over this study.",
        review_on=now().date() + timedelta(days=180),
        node_id=nodes[1].children.order_by("path")[0].pk,
    )
    services.ticket_reject(
        actor=people.alice,
        ticket_id=tickets["rejected"].pk,
        reason="legal_duty",
        text="The records must be kept for ten years.",
    )
    return tickets


def _plan() -> dict[str, Any]:
    """Return a plan learned from a few attempts, with a method that is left out."""
    seen = {
        "npo": Trials(7, 1, 90.0, 30.0),
        "undo": Trials(3, 3, 60.0, 30.0),
        "retrain": Trials(1, 1, 200.0, 30.0),
    }
    plan = make_plan(tuple(seen), seen, {"undo": Prior(12, 12, 0.4)})
    assert plan is not None
    return plan.as_json()


def _work(tickets: dict[str, Ticket], original: ModelVersion, result: ModelVersion) -> None:
    ended = job(tickets["closed"], original, JobState.PASSED, result)
    refuted = report(passed=False, original=original.digest)
    passed = report(passed=True, original=original.digest, candidate=result.digest)
    attempt(ended, 1, "npo", AttemptState.REFUTED, report=refuted)
    attempt(
        ended,
        2,
        "undo",
        AttemptState.PASSED,
        report=passed,
        reason="npo was refuted by membership after relearning; escalating to undo",
        plan=_plan(),
    )
    failed = job(tickets["failed"], original, JobState.EXHAUSTED)
    attempt(failed, 1, "npo", AttemptState.REFUTED, report=refuted)
    attempt(
        failed,
        2,
        "undo",
        AttemptState.ERRORED,
        reason="npo was refuted by membership after relearning; escalating to undo",
        failure={
            "code": "disk_full",
            "message": "The worker's disk is full. Free space, then retry the ticket.",
        },
    )
    running = job(tickets["running"], original, JobState.RUNNING)
    attempt(
        running,
        1,
        "npo",
        AttemptState.RUNNING,
        phase="unlearning",
        message="stopping rule not met yet",
        done=140,
        total=400,
    )
    for name, states in {
        "closed": (TicketState.VERIFIED,),
        "failed": (TicketState.VERIFICATION_FAILED,),
    }.items():
        tickets[name].refresh_from_db()
        for state in states:
            ticket_move(ticket=tickets[name], target=state, actor=SYSTEM)


def _certify(ticket: Ticket) -> None:
    try:
        ticket_certify(ticket_id=ticket.pk)
    finally:
        connection.close()


def job(
    ticket: Ticket, original: ModelVersion, state: JobState, result: ModelVersion | None = None
) -> ErasureJob:
    """Store a job as it stands."""
    return ErasureJob.objects.create(ticket=ticket, original=original, state=state, result=result)


def attempt(
    job: ErasureJob, number: int, method: str, state: AttemptState, **given: Any
) -> Attempt:
    """Store an attempt as it stands."""
    begun = now() - timedelta(minutes=5)
    over = state not in {AttemptState.QUEUED, AttemptState.RUNNING}
    defaults: dict[str, Any] = {
        "reason": f"{method} is the first rung for a whole model",
        "started_at": begun,
        "ended_at": begun + timedelta(seconds=73.4) if over else None,
        "preregistration": "sha256:" + "ab" * 32,
        "result": {"method": method, "status": "completed", "metrics": {"steps": 212}},
    }
    batch = Batch.objects.create(
        model=job.original.model,
        original=job.original,
        state=BatchState.OVER if over else BatchState.RUNNING,
        closes_at=begun,
        method=method,
    )
    return Attempt.objects.create(
        job=job, batch=batch, number=number, method=method, state=state, **{**defaults, **given}
    )
