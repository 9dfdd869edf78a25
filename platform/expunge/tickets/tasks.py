"""What each task asks for and which service does it: one table for pages and API alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from expunge.accounts.permissions import Actor
from expunge.tickets import reasons, services
from expunge.tickets.citations import cited
from expunge.tickets.models import Ticket
from expunge.tickets.regimes import regime_named, regimes
from expunge.tickets.rules import Task

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Choices: TypeAlias = "Sequence[tuple[str, StrOrPromise]]"


@dataclass(frozen=True)
class TaskSpec:
    """A task's service, the name it gives the text, and the coded reasons to choose from.

    ``codes`` takes a regime's name, for refusals are the law's; ``None``: no code is asked for.
    """

    service: Callable[..., Ticket]
    argument: str = "text"
    text_needed: bool = True
    codes: Callable[[str], Choices] | None = None


def _refusals(regime: str) -> Choices:
    return [
        (item.code, f"{item.label} ({cited(item.citation)})")
        for item in regime_named(regime).refusals
    ]


def _pauses(regime: str) -> Choices:
    rules = [rule for clock in regime_named(regime).clocks for rule in clock.pauses]
    return list(
        {
            rule.reason: (rule.reason, f"{rule.label} ({cited(rule.citation)})") for rule in rules
        }.values()
    )


TASKS: Mapping[Task, TaskSpec] = {
    Task.IDENTITY_CONFIRM: TaskSpec(services.ticket_identity_confirm, text_needed=False),
    Task.SUBMIT: TaskSpec(services.ticket_submit, argument="reason"),
    Task.APPROVE: TaskSpec(services.ticket_approve, argument="reason"),
    Task.SEND_BACK: TaskSpec(services.ticket_send_back, argument="reason"),
    Task.REJECT: TaskSpec(services.ticket_reject, codes=_refusals),
    Task.WITHDRAW: TaskSpec(
        services.ticket_withdraw,
        text_needed=False,
        codes=lambda _: reasons.WithdrawalReason.choices,
    ),
    Task.HOLD: TaskSpec(services.ticket_hold, codes=lambda _: reasons.HoldReason.choices),
    Task.RELEASE: TaskSpec(services.ticket_release, codes=lambda _: reasons.ReleaseReason.choices),
    Task.EXTEND: TaskSpec(services.ticket_extend, codes=lambda _: reasons.ExtensionReason.choices),
    Task.PAUSE_CLOCK: TaskSpec(services.ticket_clock_pause, codes=_pauses),
    Task.RESUME_CLOCK: TaskSpec(
        services.ticket_clock_resume,
        text_needed=False,
        codes=lambda _: reasons.ResumptionReason.choices,
    ),
    Task.RETRY: TaskSpec(services.ticket_retry, text_needed=False),
    Task.CONTAIN: TaskSpec(
        services.ticket_contain, codes=lambda _: reasons.ContainmentReason.choices
    ),
    Task.CLOSE_UNVERIFIED: TaskSpec(
        services.ticket_close_unverified, codes=lambda _: reasons.UnverifiedReason.choices
    ),
}


def codes_of(task: Task) -> tuple[str, ...]:
    """Return every code the task may be given, whatever the regime; none when it takes none."""
    find = TASKS[task].codes
    found = [code for regime in regimes() for code, _ in find(regime)] if find else []
    return tuple(dict.fromkeys(found))


def task_run(
    task: Task, *, actor: Actor, ticket_id: UUID, code: str = "", text: str = ""
) -> Ticket:
    """Carry out a task with its coded reason and its text."""
    spec = TASKS[task]
    arguments = {spec.argument: text}
    if spec.codes is not None:
        arguments["reason"] = code
    return spec.service(actor=actor, ticket_id=ticket_id, **arguments)
