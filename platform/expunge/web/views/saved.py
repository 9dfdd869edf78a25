"""Saved views of the ticket list: save, remove, choose the one the list opens with."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from expunge.common.errors import InvalidInputError, NotFoundError
from expunge.common.parse import optional_uuid
from expunge.desk.saved_views import (
    default_view,
    view_open_with,
    view_remove,
    view_save,
    views_of,
)
from expunge.web.access import actor_of, page
from expunge.web.ticket_filter import read_listing


@page("GET", "HEAD", "POST")
def views(request: HttpRequest) -> HttpResponse:
    """List the views a person sees; POST saves the filter it carries under a name."""
    actor = actor_of(request)
    if request.method != "POST":
        context = {"views": views_of(actor), "default": default_view(actor)}
        return render(request, "tickets/views.html", context)
    listing = read_listing(request, QueryDict(request.POST.get("query", "")))
    controller = optional_uuid(request.POST.get("controller"))
    if controller is None:
        raise NotFoundError("controller_unknown", _("There is no such organisation for you."))
    try:
        view = view_save(
            actor=actor,
            controller_id=controller,
            name=request.POST.get("name", ""),
            query=listing.saved_query,
            shared=request.POST.get("shared") == "1",
            default=request.POST.get("default") == "1",
        )
    except InvalidInputError as error:
        messages.error(request, error.message)
        return redirect(f"{reverse('web:tickets')}?{listing.query or 'sort='}")
    messages.success(request, _("The view is saved."))
    return redirect(f"{reverse('web:tickets')}?{view.query or 'sort='}")


@page("POST")
def remove(request: HttpRequest, view_id: UUID) -> HttpResponse:
    """Remove one of the person's own views."""
    view_remove(actor=actor_of(request), view_id=view_id)
    messages.success(request, _("The view is removed."))
    return redirect("web:views")


@page("POST")
def open_with(request: HttpRequest) -> HttpResponse:
    """Choose the view with which the list opens; none means all tickets."""
    view_open_with(actor=actor_of(request), view_id=optional_uuid(request.POST.get("view")))
    messages.success(request, _("Done. This is how the list opens from now on."))
    return redirect("web:views")
