"""Whatever changes the platform leaves an entry in the audit log, or stands below with its reason.

Read from the code: a function that writes to the database must lead to ``audit_record``, itself or
through what it calls; else everybody who calls it must. A function that nobody calls is called by
somebody outside.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "platform"
SINKS = {"expunge.audit.services.audit_record", "expunge.audit.services.audit_record_now"}
ANNOUNCED = "account_changed"
WRITES = {"save", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}
MANAGED = {"create", "update", "delete"}
NO_TABLES = ("cache", "hash", "digest", "session", "environ", "headers", "redis", "client")

EXEMPT = {
    # About the log: an entry for each would make a quiet log grow by being looked at.
    "expunge.audit.checks.check_ask": "a check of the log is a way of reading it",
    "expunge.audit.checks.check_carry_out": "the outcome of a check of the log, for its page",
    "expunge.audit.cosigners._kept": "a cosigner's line is about the log and dated by its signer",
    "expunge.certificates.mirror.log_import": "it brings in a log that already has its entries",
    "expunge.certificates.publication.status_publish": "a copy of revocations that have entries",
    # A person's own surroundings, which concern nobody's rights.
    "expunge.accounts.models.UserManager": "a row is made; user_create and its like record it",
    "expunge.accounts.people.profile_change": "what a person is called, and their time zone",
    "expunge.accounts.services.language_prefer": "the language in which a person reads",
    "expunge.accounts.tokens.token_grant": "when a token was last used, to the nearest minutes",
    "expunge.desk.saved_views.view_open_with": "which of their lists a person sees first",
    "expunge.web.draft._store": "a form that is being filled in and was not sent",
    "expunge.web.draft.draft_discard": "a form that is given up before it was sent",
    "expunge.web.draft.drafts_forget": "forms that were never sent, after their time",
    # Readings that leave a mark.
    "expunge.containment.services.containment_fetch": "who fetched a bundle last, for its page",
    # Deliveries of what has an entry of its own; their failures and retries are recorded.
    "expunge.notices.outbox.row_claim": "which worker has a letter or a webhook in hand",
    "expunge.notices.retention.outbox_forget": "texts that were sent, erased after their time",
    "expunge.notices.services.delivery_queue": "a webhook about an event that has its entry",
    "expunge.notices.services.event_emit": "what was recorded is told to those who asked for it",
    "expunge.notices.services.mail_send": "a letter about something that has its entry",
    "expunge.notices.services.notice_unwritten": "a letter whose text its ticket took with it",
    # Parts of a change whose entry is written by those who make it.
    "expunge.containment.receivers.forget_ticket": "a ticket's retention, recorded as a purge",
    "expunge.desk.runs._step": "the progress of a run that is recorded; each step is, too",
    "expunge.jobs.execution._write": "columns of an attempt whose moves are recorded",
    "expunge.subjects.duplicates.indexes_store": "blind indexes of a ticket that is being filed",
    "expunge.subjects.identity._end": "a proof of identity that its callers record",
    "expunge.subjects.intake_codes.intake_code_mail": "a code to a stranger, whose answer counts",
    "expunge.subjects.intake_payload.payload_shred": "a part of filing, declining or withdrawing",
    "expunge.subjects.links._store": "a link of a letter; those made by people are recorded",
    "expunge.tickets.payload.hold_texts_erase": "texts of holds whose release is recorded",
    "expunge.tickets.payload.key_create": "a ticket's key, made while the ticket is recorded",
    "expunge.tickets.transitions._history": "the history beside the entry of the same move",
    # Nothing of the platform's own.
    "expunge.api.idempotency.Once": "the answer to a call, kept so that a repetition gets it too",
    "expunge.api.idempotency.claims_expire": "answers kept for repetitions, after their time",
    "expunge.api.idempotency.claims_forget": "answers kept for repetitions of one caller",
    "expunge.certificates.qr.code_svg": "it draws a picture and writes to no table",
    "expunge.common.models.ImmutableModel": "it refuses to be changed and is no service",
}


@dataclass
class Function:
    """A function of the platform: whether it writes, and which others it names."""

    writes: bool = False
    announces: bool = False
    names: set[str] = field(default_factory=set)


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.glob("expunge/**/*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if "migrations" in parts or parts[1:3] in {("config", "load"), ("config", "demo")}:
            continue
        yield ".".join(parts).removesuffix(".__init__"), ast.parse(path.read_text())


def imports(tree: ast.Module) -> dict[str, str]:
    known = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("expunge"):
            known |= {item.asname or item.name: f"{node.module}.{item.name}" for item in node.names}
    return known


def is_write(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    if call.func.attr in WRITES:
        return True
    if call.func.attr not in MANAGED:
        return False
    owner = ast.unparse(call.func.value)
    if any(word in owner.lower() for word in NO_TABLES):
        return False
    managed = ".objects" in owner or ".filter(" in owner or ".all()" in owner
    return managed or (call.func.attr == "delete" and not call.args)


def read(node: ast.AST, module: str, own: set[str], known: dict[str, str]) -> Function:
    found = Function()
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and is_write(part):
            found.writes = True
        if isinstance(part, ast.Name):
            found.announces |= part.id == ANNOUNCED
            if part.id in known:
                found.names.add(known[part.id])
            elif part.id in own:
                found.names.add(f"{module}.{part.id}")
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            found.names.add(f"{known.get(part.value.id, '')}.{part.attr}")
    return found


@cache
def functions() -> dict[str, Function]:
    found: dict[str, Function] = {}
    for module, tree in modules():
        own = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        known = imports(tree)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found[f"{module}.{node.name}"] = read(node, module, own, known)
    return found


@cache
def audited() -> frozenset[str]:
    """Return every function from which a way leads to an entry of the log."""
    every = functions()
    reached = SINKS | {name for name, item in every.items() if item.announces}
    while True:
        more = {name for name, item in every.items() if item.names & reached} - reached
        if not more:
            return frozenset(reached)
        reached |= more


def silent() -> set[str]:
    """Return the functions whose writing can happen without an entry."""
    every = functions()
    quiet = {name for name, item in every.items() if item.writes} - audited()
    callers = {
        name: {who for who, item in every.items() if name in item.names and who != name}
        for name in quiet
    }
    return {
        name
        for name in quiet
        if name not in EXEMPT
        and (not callers[name] or any(reaches_nothing(who) for who in callers[name]))
    }


def reaches_nothing(name: str) -> bool:
    return name not in audited() and name not in EXEMPT


def test_whatever_is_changed_leaves_an_entry() -> None:
    assert sorted(silent()) == []


def test_no_exemption_outlives_what_it_was_made_for() -> None:
    every = functions()
    assert sorted(name for name in EXEMPT if name not in every or name in audited()) == []
    assert all(len(reason) > 20 for reason in EXEMPT.values())


def test_the_net_catches_a_service_that_records_nothing() -> None:
    source = "def thing_rename(*, name):\n    Thing.objects.filter(pk=1).update(name=name)\n"
    (node,) = ast.parse(source).body
    found = read(node, "expunge.things.services", {"thing_rename"}, {})
    assert found.writes and not found.names & SINKS
