"""Every page of the site, for tests that must hold on all of them."""

from __future__ import annotations

from tests.expunge.tour import Tour


def pages_of(tour: Tour) -> dict[str, str]:
    """Return the addresses of the pages, with a ticket in each state, by name."""
    return {
        "dashboard": "/",
        "tickets": "/tickets/",
        "filter": "/tickets/?state=in_progress&overdue=1",
        "file": "/tickets/new/",
        "models": "/models/",
        "model": f"/models/{tour.original.model_id}/",
        "datasets": "/datasets/",
        "dataset": f"/datasets/{tour.dataset.pk}/",
        "subtree": f"/datasets/{tour.dataset.pk}/?at={tour.erika.pk}",
        "certificates": "/certificates/",
        "audit": "/audit/",
        "entry": "/audit/2/",
        **{f"ticket-{name}": f"/tickets/{item.pk}/" for name, item in tour.tickets.items()},
    }
