"""Models with their lineage, and datasets with their trees."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from expunge.common.parse import optional_uuid
from expunge.registry import selectors
from expunge.registry.suppression import alerts_about
from expunge.web.access import actor_of, page
from expunge.web.lineage_graph import lineage_rows, lineage_svg
from expunge.web.review_page import model_reviews
from expunge.web.tree import branches_of, tree_page


@page()
def models(request: HttpRequest) -> HttpResponse:
    """List the models of the person's organisations."""
    found = selectors.models_visible(actor_of(request))
    return render(request, "registry/models.html", {"models": found})


@page()
def model(request: HttpRequest, model_id: UUID) -> HttpResponse:
    """Show a model's versions: parents, what they were trained on, what was erased."""
    actor = actor_of(request)
    rows = lineage_rows(selectors.lineage(actor, model_id))
    context = {
        "model": selectors.model_get(actor, model_id),
        "rows": rows,
        "alerts": alerts_about(actor, model_id=model_id),
        "graph": lineage_svg(rows),
        **model_reviews(actor, model_id),
    }
    return render(request, "registry/model.html", context)


@page()
def datasets(request: HttpRequest) -> HttpResponse:
    """List the datasets of the person's organisations."""
    found = selectors.datasets_visible(actor_of(request)).prefetch_related("versions")
    return render(request, "registry/datasets.html", {"datasets": found})


@page()
def dataset(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    """Show a dataset's versions and its tree from one node down."""
    actor = actor_of(request)
    at = optional_uuid(request.GET.get("at"))
    tree = tree_page(actor, dataset_id, at, request.GET.get("after"))
    alerts = alerts_about(actor, dataset_id=dataset_id)
    context = {"dataset": tree.dataset, "tree": tree, "choose": False, "alerts": alerts}
    return render(request, "registry/dataset.html", context)


@page()
def branches(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    """Return the next rows of a tree: the children of a node, or the rest of them."""
    tree = tree_page(
        actor_of(request),
        dataset_id,
        optional_uuid(request.GET.get("at")),
        request.GET.get("after"),
    )
    context = {"tree": tree, "choose": request.GET.get("choose") == "1"}
    return render(request, "components/branches.html", context)


@page("POST")
def dataset_search(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    """Find nodes by their exact label, which travels in the body and never in an address."""
    actor = actor_of(request)
    label = request.POST.get("label", "").strip()
    found = selectors.scope_search(actor, dataset_id, label) if label else ()
    context = {
        "dataset": selectors.dataset_get(actor, dataset_id),
        "found": branches_of(found, trails=True),
        "searched": bool(label),
        "choose": False,
    }
    return render(request, "registry/search.html", context)
