"""Filing a ticket step by step: which data, which law and ground, for whom, and a last look."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Actor, Permission
from expunge.common.errors import DomainError, NotAllowedError
from expunge.common.parse import optional_uuid
from expunge.registry import selectors
from expunge.tickets.intake import profile_of
from expunge.tickets.regimes import regime_named, regimes
from expunge.web.access import actor_of, is_fragment, page
from expunge.web.draft import (
    draft_add,
    draft_discard,
    draft_file,
    draft_fill,
    draft_of,
    draft_remove,
)
from expunge.web.filing_form import PROFILES, LawForm, PersonForm
from expunge.web.tree import branches_of, tree_page


@page()
def scope(request: HttpRequest) -> HttpResponse:
    """Choose the data: a dataset, then nodes of its tree at any level."""
    actor = _filer(request)
    datasets = tuple(selectors.datasets_visible(actor))
    draft = draft_of(actor)
    wanted = optional_uuid(request.GET.get("dataset"))
    chosen = wanted or (draft.dataset or datasets[0]).pk if datasets else None
    at, after = optional_uuid(request.GET.get("at")), request.GET.get("after")
    tree = tree_page(actor, chosen, at, after) if chosen else None
    context = {"datasets": datasets, "draft": draft, "tree": tree, "choose": True}
    return render(request, "filing/scope.html", context)


@page("POST")
def scope_change(request: HttpRequest) -> HttpResponse:
    """Add a node to the draft or take one out; htmx gets the counts, a browser the page."""
    actor = _filer(request)
    if added := optional_uuid(request.POST.get("add")):
        draft_add(actor, added)
    if removed := optional_uuid(request.POST.get("remove")):
        draft_remove(actor, removed)
    if is_fragment(request):
        return render(request, "filing/chosen.html", {"draft": draft_of(actor)})
    place = {name: request.POST.get(name, "") for name in ("dataset", "at", "after")}
    kept = urlencode({name: value for name, value in place.items() if value})
    return redirect(f"{reverse('web:file')}?{kept}")


@page("POST")
def scope_search(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    """Find nodes by their exact label, to choose from."""
    actor = _filer(request)
    label = request.POST.get("label", "").strip()
    found = selectors.scope_search(actor, dataset_id, label) if label else ()
    context = {"found": branches_of(found, trails=True), "searched": bool(label), "choose": True}
    if is_fragment(request):
        return render(request, "components/found.html", context)
    context |= {
        "datasets": tuple(selectors.datasets_visible(actor)),
        "draft": draft_of(actor),
        "tree": tree_page(actor, dataset_id),
    }
    return render(request, "filing/scope.html", context)


@page("GET", "HEAD", "POST")
def law(request: HttpRequest) -> HttpResponse:
    """Say under which law and ground, and what is to be shown."""
    actor = _filer(request)
    draft = draft_of(actor)
    if draft.controller_id is None:
        return redirect("web:file")
    actor.require(Permission.TICKET_FILE, draft.controller_id)
    known, kept = regimes(), draft.content.law
    regime = known.get(request.GET.get("regime") or kept.get("regime", ""), known["gdpr"])
    initial = {"profile": profile_of(draft.controller_id, regime.name), **kept}
    form = LawForm(regime, request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        draft_fill(actor, law=form.kept)
        return redirect("web:file-person")
    context = {"form": form, "draft": draft, "regime": regime, "regimes": known.values()}
    return render(request, "filing/law.html", context)


@page("GET", "HEAD", "POST")
def person(request: HttpRequest) -> HttpResponse:
    """Say whom the request is about."""
    actor = _filer(request)
    draft = draft_of(actor)
    if not draft.content.law:
        return redirect("web:file-law")
    data = request.POST if request.method == "POST" else None
    form = PersonForm(data, initial=dict(draft.content.person))
    if form.is_valid():
        draft_fill(actor, person=form.kept)
        return redirect("web:file-summary")
    return render(request, "filing/person.html", {"form": form, "draft": draft})


@page("GET", "HEAD", "POST")
def summary(request: HttpRequest) -> HttpResponse:
    """Show everything once more; then file it and destroy the draft."""
    actor = _filer(request)
    draft = draft_of(actor)
    if draft.controller_id is None or not draft.content.law:
        return redirect("web:file")
    if not draft.content.person:
        return redirect("web:file-person")
    regime = regime_named(draft.content.law["regime"])
    context = {
        "draft": draft,
        "regime": regime,
        "ground": regime.ground(draft.content.law["ground"]),
        "profile": dict(PROFILES)[draft.content.law["profile"]],
    }
    if request.method != "POST":
        return render(request, "filing/summary.html", context)
    try:
        ticket = draft_file(actor)
    except DomainError as error:
        context["error"] = error
        return render(request, "filing/summary.html", context, status=int(error.status))
    return redirect("web:ticket", ticket.pk)


@page("POST")
def discard(request: HttpRequest) -> HttpResponse:
    """Destroy the draft."""
    draft_discard(actor_of(request))
    messages.success(request, _("The draft is destroyed."))
    return redirect("web:file")


def _filer(request: HttpRequest) -> Actor:
    """Return who is at work, if they may file for any organisation."""
    actor = actor_of(request)
    if not actor.controllers(Permission.TICKET_FILE):
        raise NotAllowedError(
            "permission_missing",
            _("None of your roles files tickets. Ask your administrator for one that does."),
        )
    return actor
