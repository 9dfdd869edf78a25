"""Whatever is killed, whenever: the ticket finishes, each attempt once, the log without a gap.

A real PostgreSQL, a real Redis, a real Celery worker; only the two libraries are doubles.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from redis import Redis

from expunge.audit.selectors import log_verify
from expunge.config import embedded
from expunge.jobs import queue
from expunge.jobs.models import Attempt, Batch
from expunge.jobs.states import AttemptState
from expunge.registry.models import ModelVersion
from expunge.tickets.models import Ticket
from expunge.tickets.services import ticket_hold, ticket_release, ticket_withdraw
from expunge.tickets.states import TicketState
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import People, all_leaves, leaves
from tests.expunge.jobs.conftest import Approve
from tests.expunge.jobs.workplace import Library, Worker, eventually

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.broker,
    pytest.mark.crash,
]
STAGES = ("preregister", "unlearning", "verification")
BEGINS = {
    "preregister": "begin preregister",
    "unlearning": "begin unlearning npo",
    "verification": "begin verification npo",
}
COSTLY = ("end unlearning", "end verification")
PERSONAL = ("Mustermann", "erika@", "North Clinic", "Please forget", "What is fact")


def finished(ticket: Ticket) -> None:
    """Wait until the ticket is certified and closed."""

    def closed() -> bool:
        ticket.refresh_from_db()
        return ticket.state == TicketState.CLOSED

    eventually(closed, "the ticket to be closed")


def outcome(ticket: Ticket) -> list[tuple[str, str]]:
    attempts = Attempt.objects.filter(job__ticket=ticket).order_by("created_at")
    return [(attempt.method, attempt.state) for attempt in attempts]


def is_over(pid: int) -> bool:
    with suppress(ProcessLookupError, FileNotFoundError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2] == "Z"
    return True


def all_is_in_order(library: Library, worker: Worker, settings: Any) -> None:
    """Check what must hold after every accident."""
    ends = Counter((run["attempt"], run["what"]) for run in library.runs())
    costly = {what: times for what, times in ends.items() if what[1].startswith(COSTLY)}
    assert set(costly.values()) <= {1}
    ended = [leaf["subject"]["attempt"] for leaf in leaves("attempt.moved") if _is_end(leaf)]
    assert sorted(ended) == sorted(str(pk) for pk in Attempt.objects.values_list("pk", flat=True))
    assert log_verify().faults == ()
    eventually(lambda: not list(settings.EXPUNGE_ATTEMPTS_DIR.iterdir()), "the folders to go", 10)
    told = worker.text().encode() + all_leaves()
    assert not [word for word in PERSONAL if word.encode() in told]


def _is_end(leaf: dict[str, Any]) -> bool:
    return bool(leaf["data"]["target"] in {"passed", "refuted", "errored", "cancelled"})


def test_a_worker_killed_at_every_stage_is_followed_by_one_that_resumes(
    approved: Ticket, library: Library, worker: Worker, settings: Any
) -> None:
    for stage in STAGES:
        library.hold(stage)
    for stage in STAGES:
        worker.start()
        library.reached(BEGINS[stage])
        running = library.runs()[-1]["pid"]
        worker.kill()
        eventually(lambda pid=running: is_over(pid), "the library to die with its worker", 5)
        library.release(stage)
    worker.start()
    finished(approved)
    assert outcome(approved) == [("npo", "passed")]
    assert Batch.objects.get().token == 1 + len(STAGES) == 1 + len(leaves("attempt.taken_over"))
    assert len(leaves("verification.preregistered")) == 1
    all_is_in_order(library, worker, settings)


def test_a_library_killed_at_every_stage_is_run_again_as_a_new_attempt(
    approved: Ticket, library: Library, worker: Worker, settings: Any
) -> None:
    for stage in STAGES:
        library.hold(stage)
    worker.start()
    for stage, begin, times in (
        ("preregister", "begin preregister", 1),
        ("unlearning", "begin unlearning npo", 1),
        ("verification", "begin verification renew", 1),
    ):
        os.kill(library.reached(begin, times)["pid"], signal.SIGKILL)
        eventually(
            lambda: library.said()[-1] != begin or Attempt.objects.filter(state="errored"),  # noqa: B023
            "the crash to be noticed",
        )
        library.release(stage)
    finished(approved)
    assert outcome(approved) == [
        *(("npo", "errored"), ("npo", "errored")),
        *(("renew", "errored"), ("renew", "passed")),
    ]
    assert {item.failure["code"] for item in Attempt.objects.filter(state="errored")} == {"crashed"}
    all_is_in_order(library, worker, settings)


def test_a_pool_process_killed_alone_loses_the_attempt_to_another(
    approved: Ticket, library: Library, worker: Worker, settings: Any
) -> None:
    library.hold("unlearning")
    worker.start()
    child = library.reached("begin unlearning npo")["pid"]
    stat = Path(f"/proc/{child}/stat").read_text(encoding="utf-8")
    os.kill(int(stat.rpartition(")")[2].split()[1]), signal.SIGKILL)
    library.reached("begin unlearning npo", 2)
    library.release("unlearning")
    finished(approved)
    assert outcome(approved) == [("npo", "passed")]
    all_is_in_order(library, worker, settings)


def test_redis_killed_at_every_stage_loses_nothing(  # noqa: PLR0913, PLR0917 - fixtures
    library: Library,
    redis_var: Path,
    worker: Worker,
    original: ModelVersion,
    file_ticket: FileTicket,
    approve: Approve,
    settings: Any,
) -> None:
    embedded.redis_stop(redis_var, force=True)
    ticket = approve(file_ticket())
    assert ticket.state == TicketState.APPROVED
    embedded.redis_url(redis_var)
    for stage in STAGES:
        library.hold(stage)
    worker.start()
    for stage in STAGES:
        library.reached(BEGINS[stage])
        embedded.redis_stop(redis_var, force=True)
        library.release(stage)
        embedded.redis_url(redis_var)
    finished(ticket)
    assert outcome(ticket) == [("npo", "passed")]
    assert Batch.objects.get().token == 1
    all_is_in_order(library, worker, settings)


def test_messages_carry_nothing_but_an_id_and_duplicates_never_run_an_attempt_twice(
    approved: Ticket, library: Library, redis_var: Path, worker: Worker, settings: Any
) -> None:
    with Redis.from_url(embedded.redis_url(redis_var)) as client:
        waiting = b"".join(client.lrange("default", 0, -1))
    assert str(approved.pk).encode() in waiting
    assert not [word for word in PERSONAL if word.encode() in waiting]
    library.hold("unlearning")
    worker.environment["EXPUNGE_TEST_VISIBILITY"] = "1"
    worker.start()
    library.reached("begin unlearning npo")
    attempt = Attempt.objects.get()
    for _ in range(5):
        current_app.send_task(queue.BATCH_RUN, args=[str(attempt.batch_id)])
    eventually(lambda: worker.text().count("batch_run") >= 12, "the duplicates to be handled")
    library.release("unlearning")
    finished(approved)
    assert Batch.objects.get().token == 1
    assert Counter(library.said())["begin unlearning npo"] == 1
    all_is_in_order(library, worker, settings)


def test_a_frozen_worker_that_wakes_up_can_write_nothing_any_more(
    approved: Ticket, library: Library, worker: Worker, tmp_path: Path, settings: Any
) -> None:
    library.hold("unlearning")
    worker.start()
    library.reached("begin unlearning npo")
    worker.send(signal.SIGSTOP)
    # Another machine: it shares the database and the artifacts, not the attempts' folder.
    elsewhere = replace(worker, log=tmp_path / "elsewhere.log", _process=None)
    elsewhere.environment = worker.elsewhere(tmp_path / "attempts-elsewhere")
    elsewhere.start()
    try:
        library.reached("begin unlearning npo", 2)
        worker.send(signal.SIGCONT)
        eventually(lambda: "is in other hands now" in worker.text(), "the first to give up")
        library.release("unlearning")
        finished(approved)
    finally:
        elsewhere.kill()
    assert outcome(approved) == [("npo", "passed")]
    assert (Batch.objects.get().token, ModelVersion.objects.count()) == (2, 2)
    all_is_in_order(library, worker, settings)


@pytest.mark.parametrize("how", ["hold", "withdraw"])
def test_a_ticket_that_is_held_or_withdrawn_stops_its_running_attempt(  # noqa: PLR0913, PLR0917 - fixtures
    approved: Ticket, library: Library, worker: Worker, cast: People, settings: Any, how: str
) -> None:
    stop: dict[str, Callable[[], Any]] = {
        "hold": lambda: ticket_hold(
            actor=cast.alice, ticket_id=approved.pk, reason="litigation", text="A case."
        ),
        "withdraw": lambda: ticket_withdraw(
            actor=cast.carol, ticket_id=approved.pk, reason="by_person", text="She called."
        ),
    }
    library.hold("unlearning")
    worker.start()
    running = library.reached("begin unlearning npo")["pid"]
    stop[how]()
    eventually(lambda: is_over(running), "the library to stop")
    eventually(
        lambda: Attempt.objects.filter(state=AttemptState.CANCELLED).exists(), "the attempt to end"
    )
    assert library.said()[-1] == "failed unlearning npo cancelled"
    library.release("unlearning")
    if how == "hold":
        ticket_release(actor=cast.alice, ticket_id=approved.pk, reason="matter_closed", text="Over")
        finished(approved)
        assert outcome(approved) == [("npo", "cancelled"), ("npo", "passed")]
    all_is_in_order(library, worker, settings)
