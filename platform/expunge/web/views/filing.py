"""Filing a ticket in two steps: which data, then under which law and for whom."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from expunge.accounts.permissions import Permission
from expunge.common.errors import DomainError
from expunge.registry import selectors
from expunge.tickets.payload import TicketPayload
from expunge.tickets.regimes import regimes
from expunge.tickets.services import ticket_file
from expunge.web.access import actor_of, is_fragment, page
from expunge.web.draft import draft_add, draft_clear, draft_of, draft_remove
from expunge.web.filing_form import FilingForm
from expunge.web.parse import optional_uuid
from expunge.web.tree import branches_of, tree_page


@page()
def scope(request: HttpRequest) -> HttpResponse:
    """Choose the data: a dataset, then nodes of its tree at any level."""
    actor = actor_of(request)
    datasets = tuple(selectors.datasets_visible(actor))
    draft = draft_of(request, actor)
    wanted = optional_uuid(request.GET.get("dataset"))
    chosen = wanted or (draft.dataset or datasets[0]).pk if datasets else None
    at, after = optional_uuid(request.GET.get("at")), request.GET.get("after")
    tree = tree_page(actor, chosen, at, after) if chosen else None
    context = {"datasets": datasets, "draft": draft, "tree": tree, "choose": True}
    return render(request, "filing/scope.html", context)


@page("POST")
def scope_change(request: HttpRequest) -> HttpResponse:
    """Add a node to the draft or take one out; htmx gets the counts, a browser the page."""
    actor = actor_of(request)
    if added := optional_uuid(request.POST.get("add")):
        draft_add(request, actor, added)
    if removed := optional_uuid(request.POST.get("remove")):
        draft_remove(request, removed)
    if is_fragment(request):
        return render(request, "filing/chosen.html", {"draft": draft_of(request, actor)})
    place = {name: request.POST.get(name, "") for name in ("dataset", "at", "after")}
    kept = urlencode({name: value for name, value in place.items() if value})
    return redirect(f"{reverse('web:file')}?{kept}")


@page("POST")
def scope_search(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    """Find nodes by their exact label, to choose from."""
    actor = actor_of(request)
    label = request.POST.get("label", "").strip()
    found = selectors.scope_search(actor, dataset_id, label) if label else ()
    context = {"found": branches_of(found, trails=True), "searched": bool(label), "choose": True}
    if is_fragment(request):
        return render(request, "components/found.html", context)
    context |= {
        "datasets": tuple(selectors.datasets_visible(actor)),
        "draft": draft_of(request, actor),
        "tree": tree_page(actor, dataset_id),
    }
    return render(request, "filing/scope.html", context)


@page("GET", "HEAD", "POST")
def request_form(request: HttpRequest) -> HttpResponse:
    """Say under which law and ground, and for whom; then file."""
    actor = actor_of(request)
    draft = draft_of(request, actor)
    if draft.controller_id is None:
        return redirect("web:file")
    actor.require(Permission.TICKET_FILE, draft.controller_id)
    known = regimes()
    name = request.GET.get("regime", "")
    regime = known.get(name, known["gdpr"])
    form = FilingForm(regime, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            ticket = ticket_file(
                actor=actor,
                controller_id=draft.controller_id,
                node_ids=draft.node_ids,
                regime=regime.name,
                payload=TicketPayload(**form.payload),
                **form.decisions,
            )
        except DomainError as error:
            form.add_domain_error(error)
        else:
            draft_clear(request)
            return redirect("web:ticket", ticket.pk)
    context = {"form": form, "draft": draft, "regime": regime, "regimes": known.values()}
    return render(request, "filing/request.html", context)
