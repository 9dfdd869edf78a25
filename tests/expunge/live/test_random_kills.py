"""A worker and its beat are killed at random moments, again and again; nothing shows afterwards."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

import pytest

from expunge.audit.selectors import log_verify
from expunge.certificates.models import Certificate
from expunge.common.clock import now
from expunge.containment.models import ContainmentBundle
from expunge.jobs.models import Attempt, Batch, Reverification
from expunge.notices.models import Notice, OutboxState
from expunge.registry.models import ModelVersion
from expunge.tickets.models import TicketKey
from tests.expunge.conftest import FileTicket, RegisterVersion
from tests.expunge.factories import leaves
from tests.expunge.jobs.conftest import Approve
from tests.expunge.jobs.workplace import eventually
from tests.expunge.live.site import Site

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.broker,
    pytest.mark.crash,
]
STAGES = ("preregister", "unlearning", "verification")
LATER = ("certifying", "writing", "withdrawing")
MAIL = "erika@home.example"


def test_a_worker_killed_at_random_moments_leaves_nothing_stuck_lost_or_doubled(  # noqa: PLR0913, PLR0917 - fixtures
    site: Site,
    original: ModelVersion,
    file_ticket: FileTicket,
    approve: Approve,
    register_version: RegisterVersion,
    record_property: Any,
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    record_property("seed", seed)
    chance = random.Random(seed)  # noqa: S311 - moments to die at, no secrets
    for stage in STAGES:
        site.library.hold(stage)
    ticket = approve(file_ticket())
    for stage in (*STAGES, *LATER):
        # It may die while the stage waits, just after it went on, or any time up to the end.
        time.sleep(chance.uniform(0.0, 3.0))
        if stage in STAGES:
            eventually(lambda: any("begin" in said for said in site.library.said()), "a run")
            site.library.release(stage)
        time.sleep(chance.uniform(0.0, 2.0))
        site.worker.kill()
        site.worker.start()
    assert site.comes_to(str(ticket.pk), "closed").outcome == "certified", seed
    later = register_version(parent=ticket.jobs.get().result)
    _checked_with_kills(site, later, chance)
    _everything_is_as_if_nobody_had_died(site, seed)


def _checked_with_kills(site: Site, later: ModelVersion, chance: random.Random) -> None:
    for _ in range(2):
        time.sleep(chance.uniform(0.5, 4.0))
        site.worker.kill()
        site.worker.start()
    eventually(Reverification.objects.filter(state="held_up").first, "the check to end", 60)
    assert Reverification.objects.get().version == later


def _everything_is_as_if_nobody_had_died(site: Site, seed: int) -> None:
    # What died with a letter in its hands keeps it for minutes; let those be over.
    time.sleep(2)
    Notice.objects.filter(state=OutboxState.SENDING).update(lease_until=now())
    waiting = Notice.objects.exclude(state=OutboxState.SENT)
    eventually(lambda: not waiting.exists(), "all letters to leave", 60)
    kinds = Counter(Notice.objects.values_list("kind", flat=True))
    assert kinds == {"acknowledgement": 1, "completion": 1}, seed
    assert len(site.letters_to(MAIL)) == 2, seed
    assert [item.state for item in Attempt.objects.all()] == ["passed"], seed
    ends = Counter((run["attempt"], run["what"]) for run in site.library.runs())
    assert {n for (_, what), n in ends.items() if what.startswith("end un")} == {1}, seed
    assert Certificate.objects.count() == 1 == len(leaves("certificate.issued")), seed
    assert Batch.objects.get().state == "over", seed
    bundles = ContainmentBundle.objects.filter(withdrawn_at__isnull=True)
    eventually(lambda: not bundles.exists(), "containment to be withdrawn")
    assert not TicketKey.objects.exists(), seed
    assert log_verify().faults == (), seed
    eventually(lambda: not list((site.var / "attempts").iterdir()), "the folders to go")
