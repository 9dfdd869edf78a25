"""The state of a ticket, a job and an attempt is written by one function each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PLATFORM = Path(__file__).resolve().parents[2] / "platform" / "expunge"
# Rows of the outbox have states of their own, and these writers.
OUTBOX = {"mail_send", "notice_unwritten", "row_claim", "delivery_retry"}
# So have alerts of the suppression ledger.
ALERTS = {"alert_decide", "alert_resolve"}
WRITERS = OUTBOX | ALERTS | {"ticket_move", "job_move", "attempt_move", "batch_move", "review_move"}
SETTERS = {"update", "create", "get_or_create", "update_or_create", "acreate", "aupdate"}


class StateWrites(ast.NodeVisitor):
    """Collects the lines that write ``state`` outside the functions that may."""

    def __init__(self) -> None:
        self.lines: list[int] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.name not in WRITERS:
            self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr == "state" and isinstance(node.ctx, ast.Store):
            self.lines.append(node.lineno)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        by_keyword = name in SETTERS and any(word.arg == "state" for word in node.keywords)
        by_name = name in {"setattr", "bulk_update"} and any(
            isinstance(item, ast.Constant) and item.value == "state"
            for argument in node.args
            for item in ast.walk(argument)
        )
        if by_keyword or by_name:
            self.lines.append(node.lineno)
        self.generic_visit(node)


def state_writes(source: str) -> list[int]:
    visitor = StateWrites()
    visitor.visit(ast.parse(source))
    return visitor.lines


def sources() -> Iterator[Path]:
    return (path for path in PLATFORM.rglob("*.py") if "migrations" not in path.parts)


def test_nothing_else_writes_a_state() -> None:
    found = {
        f"{path.relative_to(PLATFORM)}:{line}"
        for path in sources()
        for line in state_writes(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_every_writer_is_defined_once() -> None:
    defined = [
        node.name
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name in WRITERS
    ]
    assert sorted(defined) == sorted(WRITERS)


def test_the_watchdog_barks() -> None:
    for line in (
        "ticket.state = 'closed'",
        "ticket.state: str = 'closed'",
        "tickets.filter(state='x').update(state='closed')",
        "Ticket.objects.create(state='closed')",
        "setattr(ticket, 'state', 'closed')",
        "tickets.bulk_update(rows, ['state'])",
        "def close(ticket):\n    ticket.state = 'closed'",
    ):
        assert state_writes(line), line
    for line in (
        "state = ticket.state",
        "tickets.filter(state='x').update(due_on=day)",
        "def ticket_move(ticket):\n    ticket.state = 'closed'",
    ):
        assert not state_writes(line), line
