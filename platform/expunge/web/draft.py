"""The ticket a person is putting together: kept on the server, encrypted, until it is filed.

One draft a person. It survives signing out and is taken up again on another device. It holds the
name of somebody who asked to be forgotten, so it ends with the filing, and after thirty days.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor
from expunge.common.clock import local_date, now
from expunge.common.errors import ConflictError, NotAllowedError
from expunge.common.parse import optional_day, uuids
from expunge.registry import selectors
from expunge.registry.models import Dataset, ModelVersion
from expunge.subjects.intake import intake_file
from expunge.subjects.intake_payload import payload_open
from expunge.subjects.selectors import intake_get
from expunge.tickets.models import Ticket
from expunge.tickets.payload import TicketPayload
from expunge.tickets.services import ticket_file
from expunge.web.models import FilingDraft
from expunge.web.tree import Branch, branches_of

MOST_NODES = 500
LIFETIME = timedelta(days=30)


@dataclass(frozen=True)
class Content:
    """What was entered so far: ids of nodes, and the fields of the forms as text.

    ``intake`` is the id of the intake request that the ticket is made of, if it is.
    """

    nodes: Sequence[str] = ()
    law: Mapping[str, str] = field(default_factory=dict)
    person: Mapping[str, str] = field(default_factory=dict, repr=False)
    intake: str = ""


@dataclass(frozen=True)
class Draft:
    """The chosen nodes with their record counts, the models they touch, and what was entered."""

    branches: Sequence[Branch]
    versions: Sequence[ModelVersion]
    content: Content
    touched_at: datetime | None

    @property
    def node_ids(self) -> tuple[UUID, ...]:
        """Return the ids of the chosen nodes."""
        return tuple(branch.node.pk for branch in self.branches)

    @property
    def dataset(self) -> Dataset | None:
        """Return the dataset of the chosen nodes, if any is chosen."""
        return self.branches[0].node.dataset if self.branches else None

    @property
    def controller_id(self) -> UUID | None:
        """Return the organisation whose data is chosen."""
        return self.dataset.controller_id if self.dataset else None

    @property
    def records(self) -> int:
        """Return how many records are in scope."""
        return sum(branch.records for branch in self.branches)


def draft_of(actor: Actor) -> Draft:
    """Return the draft with its counts; nodes the person may not see have dropped out."""
    stored = FilingDraft.objects.filter(user=actor.user).first()
    content = _content(stored)
    nodes = selectors.scope_nodes(actor, uuids(content.nodes)) if content.nodes else ()
    versions = selectors.versions_touched(nodes) if nodes else ()
    touched = stored.touched_at if stored else None
    return Draft(branches_of(nodes, trails=True), versions, content, touched)


@transaction.atomic
def draft_add(actor: Actor, node_id: UUID) -> None:
    """Add a node. What stands below it needs no place of its own; another organisation's go."""
    content = _locked(actor)
    chosen = selectors.scope_nodes(actor, (*uuids(content.nodes), node_id))
    fresh = next((node for node in chosen if node.pk == node_id), None)
    if fresh is None or len(chosen) > MOST_NODES:
        return
    kept = [node for node in chosen if node.dataset.controller_id == fresh.dataset.controller_id]
    places = {(node.dataset_id, node.path) for node in kept}
    nodes = [str(node.pk) for node in kept if not _stands_below(node.dataset_id, node.path, places)]
    _store(actor, replace(content, nodes=nodes))


@transaction.atomic
def draft_remove(actor: Actor, node_id: UUID) -> None:
    """Take a node out of the draft."""
    content = _locked(actor)
    nodes = [pk for pk in content.nodes if pk != str(node_id)]
    _store(actor, replace(content, nodes=nodes))


@transaction.atomic
def draft_fill(
    actor: Actor,
    *,
    law: Mapping[str, str] | None = None,
    person: Mapping[str, str] | None = None,
) -> None:
    """Keep what was entered in a step."""
    content = _locked(actor)
    _store(
        actor,
        replace(
            content,
            law=content.law if law is None else law,
            person=content.person if person is None else person,
        ),
    )


@transaction.atomic
def draft_file(actor: Actor) -> Ticket:
    """File the draft and destroy it, both or neither; a second click finds nothing to file.

    Raises:
        ConflictError: ``draft_gone``; and what :func:`ticket_file` raises.
    """
    _locked(actor)
    draft = draft_of(actor)
    law, entered = draft.content.law, draft.content.person
    if draft.controller_id is None or not law or not entered:
        raise ConflictError("draft_gone", _("There is no complete draft: it may be filed already."))
    given: dict[str, Any] = {
        "actor": actor,
        "node_ids": draft.node_ids,
        "regime": law["regime"],
        "ground": law["ground"],
        "profile": law["profile"],
        "payload": TicketPayload(entered["subject_name"], entered["contact"], entered["note"]),
        "identity_confirmed": bool(entered["identity_confirmed"]),
    }
    if draft.content.intake:
        ticket = intake_file(intake_id=UUID(draft.content.intake), **given)
    else:
        received_at = moment_of(entered["received_on"])
        ticket = ticket_file(controller_id=draft.controller_id, received_at=received_at, **given)
    draft_discard(actor)
    return ticket


@transaction.atomic
def draft_from_intake(actor: Actor, intake_id: UUID) -> None:
    """Begin the draft anew from an intake request.

    Raises:
        NotFoundError: ``intake_unknown``.
        ConflictError: ``intake_decided``.
    """
    _locked(actor)
    intake = intake_get(actor, intake_id)
    said = payload_open(intake)
    if said is None:
        raise ConflictError("intake_decided", _("This request has been decided already."))
    person = {
        "subject_name": said.subject_name,
        "contact": said.contact,
        "note": said.note,
        "received_on": local_date(intake.received_at, intake.controller.time_zone).isoformat(),
        "identity_confirmed": "",
    }
    _store(actor, Content(person=person, intake=str(intake.pk)))


def drafts_of_intake_forget(intake_id: UUID) -> None:
    """Destroy the drafts that somebody began from an intake request, which was declined."""
    for stored in FilingDraft.objects.all():
        if _content(stored).intake == str(intake_id):
            stored.delete()


def draft_discard(actor: Actor) -> None:
    """Destroy the draft: it was filed, or is not wanted any more."""
    FilingDraft.objects.filter(user=actor.user).delete()


def drafts_forget() -> int:
    """Destroy the drafts nobody touched for thirty days; return how many."""
    count, _ = FilingDraft.objects.filter(touched_at__lt=now() - LIFETIME).delete()
    return count


def _locked(actor: Actor) -> Content:
    if actor.user is None:
        raise NotAllowedError("person_needed", _("A draft belongs to a person."))
    stored = FilingDraft.objects.select_for_update().filter(user=actor.user).first()
    return _content(stored)


def _store(actor: Actor, content: Content) -> None:
    FilingDraft.objects.update_or_create(
        user=actor.user,
        defaults={"content": json.dumps(asdict(content)), "touched_at": now()},
    )


def _content(stored: FilingDraft | None) -> Content:
    return Content(**json.loads(stored.content)) if stored else Content()


def _stands_below(dataset_id: UUID, path: str, places: set[tuple[UUID, str]]) -> bool:
    segments = path.split(".")
    above = (".".join(segments[:depth]) for depth in range(1, len(segments)))
    return any((dataset_id, place) in places for place in above)


def moment_of(received_on: str) -> datetime | None:
    """Return the noon of a day where the person is; today stays open to the service."""
    day = optional_day(received_on)
    if day is None or day == timezone.localdate(now()):
        return None
    return timezone.make_aware(datetime.combine(day, time(12)))
