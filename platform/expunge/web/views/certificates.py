"""Certificates: the list, and their files for those who may see them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from expunge.web.access import actor_of, page
from expunge.web.paging import page_by_time
from expunge.web.papers import certificates_visible


@page()
def certificates(request: HttpRequest) -> HttpResponse:
    """List the certificates of the person's organisations, newest first."""
    found = certificates_visible(actor_of(request))
    context = {"page": page_by_time(request, found, "created_at")}
    return render(request, "papers/list.html", context)


def pdf(request, certificate_id): ...
def sidecar(request, certificate_id): ...
