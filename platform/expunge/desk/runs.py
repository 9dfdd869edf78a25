"""One task for many tickets: each in its own transaction, so one refusal stops no other.

The tickets are written down when the person confirms, so what was counted is what is done. A
ticket's result is stored in the transaction of its task: a run that dies half-way goes on where
it stood, and nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.accounts.tokens import token_actor
from expunge.audit.actions import AuditAction
from expunge.audit.services import audit_record
from expunge.common.bulk import copy_rows
from expunge.common.clock import now
from expunge.common.errors import (
    ConflictError,
    DomainError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
)
from expunge.desk.models import BulkItem, BulkRun
from expunge.jobs import queue
from expunge.tickets.rules import Task
from expunge.tickets.tasks import task_run

RUN = "expunge.desk.tasks.bulk_run"
BATCH = 2000
AT_ONCE = 25
"""So many tickets are done while the person waits; more are done beside the pages."""


@dataclass(frozen=True)
class BulkCounts:
    """How far a run is."""

    total: int
    done: int
    refused: int

    @property
    def handled(self) -> int:
        """Return how many had their turn."""
        return self.done + self.refused

    @property
    def waiting(self) -> int:
        """Return how many had not."""
        return self.total - self.handled


@transaction.atomic
def bulk_start(  # noqa: PLR0913 - what a run is, whole
    *,
    actor: Actor,
    task: Task,
    tickets: Iterable[UUID],
    code: str = "",
    text: str = "",
    beside: bool = False,
) -> BulkRun:
    """Write a run down; small ones are the caller's to carry out, large ones start by themselves.

    ``beside`` leaves small ones to a worker too.

    Raises:
        InvalidInputError: ``bulk_empty``.
        ConflictError: ``bulk_running``: one of the person's runs is still at work.
    """
    user = actor.user
    if user is None:
        raise NotAllowedError("person_needed", _("A person must decide this."))
    if BulkRun.objects.filter(user=user, ended_at=None).exists():
        raise ConflictError(
            "bulk_running", _("Your last run is still at work. Wait for it, or stop it first.")
        )
    run = BulkRun.objects.create(
        user=user, token_id=actor.token_id, task=task, code=code, text=text, touched_at=now()
    )
    for batch in _batches(tickets):
        copy_rows(BulkItem, (BulkItem(run=run, ticket_id=pk) for pk in batch))
        run.total += len(batch)
    if not run.total:
        raise InvalidInputError("bulk_empty", _("Choose at least one ticket."))
    run.save(update_fields=["total"])
    _audit(AuditAction.BULK_STARTED, actor, run)
    if beside or run.total > AT_ONCE:
        queue.enqueue_on_commit(RUN, run.pk)
    return run


def bulk_carry_out(run_id: UUID) -> None:
    """Do what is left of a run, ticket by ticket, until it is over or stopped."""
    while _step(run_id):
        pass


@transaction.atomic
def bulk_stop(*, actor: Actor, run_id: UUID) -> BulkRun:
    """Let a run end after the ticket it is at; what was done stays done."""
    run = run_get(actor, run_id)
    if run.ended_at is None and not run.stopped:
        run.stopped = True
        run.save(update_fields=["stopped"])
        _audit(AuditAction.BULK_STOPPED, actor, run)
        queue.enqueue_on_commit(RUN, run.pk)
    return run


def runs_of(actor: Actor) -> QuerySet[BulkRun]:
    """Return the person's own runs, newest first; to a token those of its organisation's tokens."""
    own = BulkRun.objects.filter(user=actor.user)
    return own.filter(token__controller_id=actor.only) if actor.only else own


def run_get(actor: Actor, run_id: UUID) -> BulkRun:
    """Return one of the person's own runs; raises ``run_unknown``."""
    run = runs_of(actor).filter(pk=run_id).first()
    if run is None:
        raise NotFoundError("run_unknown", _("There is no such run of yours."))
    return run


def run_counts(run: BulkRun) -> BulkCounts:
    """Return how far a run is, in one query."""
    found = run.items.aggregate(
        done=Count("pk", filter=Q(result=BulkItem.DONE)),
        handled=Count("pk", filter=~Q(result="")),
    )
    return BulkCounts(run.total, found["done"], found["handled"] - found["done"])


def run_items(run: BulkRun, *, refused: bool) -> QuerySet[BulkItem]:
    """Return the tickets of a run that were refused, or done."""
    handled = run.items.exclude(result="").select_related("ticket")
    done = Q(result=BulkItem.DONE)
    return handled.exclude(done) if refused else handled.filter(done)


def runs_left() -> QuerySet[BulkRun]:
    """Return the runs that are not over: the sweep sends them again."""
    return BulkRun.objects.filter(ended_at=None)


def _step(run_id: UUID) -> bool:
    """Do one ticket; return whether there may be another."""
    with transaction.atomic():
        run = BulkRun.objects.select_for_update(skip_locked=True).filter(pk=run_id, ended_at=None)
        here = run.first()
        if here is None:
            return False
        actor = _actor(here)
        item = None
        if actor is not None and not here.stopped:
            item = here.items.filter(result="").order_by("pk").first()
        if actor is None or item is None:
            here.stopped, here.ended_at, here.text = here.stopped or actor is None, now(), None
            here.save(update_fields=["stopped", "ended_at", "text"])
            return False
        item.result, item.message = _carry_out(here, actor, item)
        item.save(update_fields=["result", "message"])
        BulkRun.objects.filter(pk=here.pk).update(touched_at=now())
    return True


def _actor(run: BulkRun) -> Actor | None:
    """Return who the run acts for; nobody once the token it was started with does not hold."""
    return token_actor(run.token_id) if run.token_id else Actor(user=run.user)


def _carry_out(run: BulkRun, actor: Actor, item: BulkItem) -> tuple[str, str]:
    try:
        with transaction.atomic():
            task_run(
                Task(run.task),
                actor=actor,
                ticket_id=item.ticket_id,
                code=run.code,
                text=run.text or "",
            )
    except DomainError as error:
        return error.code, error.message[:300]
    return BulkItem.DONE, ""


def _batches(tickets: Iterable[UUID]) -> Iterator[list[UUID]]:
    batch: list[UUID] = []
    for pk in tickets:
        batch.append(pk)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _audit(action: AuditAction, actor: Actor, run: BulkRun) -> None:
    for controller in sorted(actor.controllers(Permission.TICKET_VIEW)):
        audit_record(
            action=action,
            actor=actor.pseudonym,
            controller_id=controller,
            subject={"run": str(run.pk)},
            data={"task": run.task, "code": run.code, "tickets": run.total},
        )
