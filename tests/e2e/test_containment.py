"""Containment and alerts as people see them: accessible in light and dark, and a picture."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from corpora.dataset import write_dataset
from expunge.containment.services import containment_look
from expunge.registry.ledger import suppression_record
from expunge.registry.models import SuppressionAlert
from expunge.registry.services import dataset_version_register
from tests.e2e.conftest import SignIn
from tests.e2e.test_looks import look, opened
from tests.expunge.factories import SYSTEM, People, clinic
from tests.expunge.tour import Tour, tour

pytestmark = pytest.mark.browser


@pytest.fixture
def there(cast: People, tmp_path: Path) -> Tour:
    """Return the tour, with a contained ticket and somebody who may be back."""
    found = tour(cast, tmp_path)
    for name in ("running", "failed"):
        containment_look(ticket_id=found.tickets[name].pk)
    ticket: UUID = found.tickets["closed"].pk
    suppression_record(
        actor=SYSTEM,
        controller_id=cast.controller.pk,
        ticket_id=ticket,
        nodes=[found.erika],
        certificate="EC-2026-AAAA-BBBB",
    )
    write_dataset(tmp_path / "other", clinic())
    dataset_version_register(
        actor=cast.carol,
        controller_id=cast.controller.pk,
        name="outpatients",
        uri=str(tmp_path / "other"),
    )
    return found


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_containment_and_alerts_are_accessible_and_fit(
    sign_in: SignIn, there: Tour, pictures: Path, width: int, scheme: str
) -> None:
    page = sign_in(there.people.alice, width=width, scheme=scheme)
    alert = SuppressionAlert.objects.get()
    assert alert.dataset_version is not None
    pages = {
        "bundles": "/containment/",
        "open-alerts": "/alerts/",
        "one-alert": f"/alerts/{alert.pk}/",
        "alert-on-dataset": f"/datasets/{alert.dataset_version.dataset_id}/",
        "contained-ticket": f"/tickets/{there.tickets['running'].pk}/",
        "chosen-ticket": f"/tickets/{there.tickets['failed'].pk}/",
    }
    wrong: list[str] = []
    for name, address in pages.items():
        page.goto(address)
        opened(page)
        wrong += look(page, f"{name}-{width}-{scheme}", pictures)
    assert not wrong
