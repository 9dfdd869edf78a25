"""Every page of the site, for tests that must hold on all of them."""

from __future__ import annotations

from expunge.registry.models import SuppressionAlert
from tests.expunge.tour import Tour


def pages_of(tour: Tour) -> dict[str, str]:
    """Return the addresses of the pages, with a ticket in each state, by name."""
    return {
        "dashboard": "/",
        "tickets": "/tickets/",
        "filter": "/tickets/?state=in_progress&overdue=1",
        "late": "/tickets/?due=overdue&sort=-due",
        "no-ticket": "/tickets/?state=expired",
        "views": "/tickets/views/",
        "runs": "/tickets/bulk/runs/",
        "file": "/tickets/new/",
        "models": "/models/",
        "model": f"/models/{tour.original.model_id}/",
        "datasets": "/datasets/",
        "dataset": f"/datasets/{tour.dataset.pk}/",
        "subtree": f"/datasets/{tour.dataset.pk}/?at={tour.erika.pk}",
        "containment": "/containment/",
        "alerts": "/alerts/",
        "all-alerts": "/alerts/?all=1",
        **{f"alert-{item.kind}": f"/alerts/{item.pk}/" for item in SuppressionAlert.objects.all()},
        "intakes": "/intake/",
        "certificates": "/certificates/",
        "no-certificate": "/certificates/?number=X",
        "letters": "/correspondence/",
        "recipients": "/recipients/",
        "holds": "/holds/",
        "all-holds": "/holds/?all=1",
        "hold-person": "/holds/new/subject/",
        "hold-model": "/holds/new/model/",
        "audit": "/audit/",
        "audit-filter": "/audit/?action=ticket.moved",
        "entry": "/audit/2/",
        **{f"ticket-{name}": f"/tickets/{item.pk}/" for name, item in tour.tickets.items()},
    }
