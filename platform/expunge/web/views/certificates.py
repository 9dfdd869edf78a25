"""Certificates: the list, and their files for those who may see them."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from expunge.certificates.kinds import WORDING, Kind
from expunge.certificates.publication import status_published
from expunge.certificates.schema import SCHEMA_FILE
from expunge.certificates.selectors import (
    certificate_get,
    certificate_pdf,
    certificate_sidecar,
    certificates_visible,
)
from expunge.certificates.services import certificate_revoke
from expunge.certificates.supersession import certificate_supersede
from expunge.web.access import actor_of, page
from expunge.web.paging import page_by_time
from expunge.web.review_page import RevokeForm, SupersedeForm

STANDINGS = {"standing": _("Standing"), "revoked": _("Revoked")}


@page()
def certificates(request: HttpRequest) -> HttpResponse:
    """List the certificates of the person's organisations, newest first; filters by kind."""
    kind = request.GET.get("kind", "")
    number = request.GET.get("number", "").replace("\0", "").strip().upper()
    standing = request.GET.get("standing", "")
    found = certificates_visible(actor_of(request))
    if kind in set(Kind):
        found = found.filter(kind=kind)
    if number:
        found = found.filter(number__startswith=number)
    if standing in STANDINGS:
        found = found.filter(revoked_at__isnull=standing == "standing")
    context = {
        "page": page_by_time(request, found, "created_at"),
        "kinds": [(item, gettext(WORDING[item].title)) for item in Kind],
        "standings": STANDINGS.items(),
        "wanted": {"kind": kind, "number": number, "standing": standing},
        "narrowed": bool(kind or number or standing),
    }
    return render(request, "papers/list.html", context)


@page()
def pdf(request: HttpRequest, certificate_id: UUID) -> HttpResponse:
    """Hand out the signed PDF."""
    certificate = certificate_get(actor_of(request), certificate_id)
    return _file(certificate_pdf(certificate), f"{certificate.number}.pdf", "application/pdf")


@page()
def sidecar(request: HttpRequest, certificate_id: UUID) -> HttpResponse:
    """Hand out the proof that travels beside the PDF."""
    certificate = certificate_get(actor_of(request), certificate_id)
    return _file(certificate_sidecar(certificate), f"{certificate.number}.json", "application/json")


@page("POST")
def revoke(request: HttpRequest, certificate_id: UUID) -> HttpResponse:
    """Revoke a document."""
    form = RevokeForm(request.POST)
    certificate = certificate_get(actor_of(request), certificate_id)
    if form.is_valid():
        certificate_revoke(
            actor=actor_of(request), certificate_id=certificate_id, **form.cleaned_data
        )
        messages.success(request, _("The document is revoked."))
    else:
        messages.error(request, _("Give a reason, and say why in a sentence or two."))
    return redirect("web:ticket", certificate.ticket_id)


@page("POST")
def supersede(request: HttpRequest, certificate_id: UUID) -> HttpResponse:
    """Have a newer document take the place of one."""
    form = SupersedeForm(request.POST)
    certificate = certificate_get(actor_of(request), certificate_id)
    if form.is_valid():
        certificate_supersede(
            actor=actor_of(request), certificate_id=certificate_id, **form.cleaned_data
        )
        messages.success(request, _("Asked for. The newer document stands here in a minute."))
    else:
        messages.error(request, _("Give a reason and a language, and say why in a sentence."))
    return redirect("web:ticket", certificate.ticket_id)


@require_safe
def status(_request: HttpRequest) -> HttpResponse:
    """Hand the signed list of revoked documents to everyone; it holds nothing personal."""
    return _file(status_published(), "status.json", "application/json")


@require_safe
def schema(_request: HttpRequest) -> HttpResponse:
    """Hand the schema of the certificates' statements to everyone."""
    return HttpResponse(SCHEMA_FILE.read_bytes(), content_type="application/schema+json")


def _file(data: bytes, name: str, content_type: str) -> HttpResponse:
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(
        data, content_type=content_type, headers={"Content-Disposition": disposition}
    )
