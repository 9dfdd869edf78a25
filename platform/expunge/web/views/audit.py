"""The audit log: its entries, its newest checkpoint, and a check of the whole."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from expunge.accounts.permissions import Permission
from expunge.audit.selectors import (
    checkpoint_covering,
    checkpoint_latest,
    inclusion_proof,
    leaf_get,
    leaves_of_controllers,
    log_size,
    log_verify,
)
from expunge.common.errors import NotAllowedError
from expunge.web.access import actor_of, page
from expunge.web.audit_page import entry_of, leaves_page


@page("GET", "HEAD", "POST")
def audit(request: HttpRequest) -> HttpResponse:
    """List the entries of the person's organisations, newest first; POST checks the whole log."""
    controllers = _controllers(request)
    context = {
        "page": leaves_page(leaves_of_controllers(controllers), request.GET.get("before")),
        "checkpoint": checkpoint_latest(),
        "size": log_size(),
        "checked": log_verify() if request.method == "POST" else None,
    }
    return render(request, "audit/log.html", context)


@page()
def leaf(request: HttpRequest, seq: int) -> HttpResponse:
    """Show one entry with its hash and its proof of inclusion in a signed checkpoint."""
    found = leaf_get(_controllers(request), seq)
    checkpoint = checkpoint_covering(seq)
    proof = inclusion_proof(seq, checkpoint.size) if checkpoint else []
    context = {
        "entry": entry_of(found),
        "leaf": found,
        "checkpoint": checkpoint,
        "proof": [item.hex() for item in proof],
    }
    return render(request, "audit/leaf.html", context)


def _controllers(request: HttpRequest) -> frozenset[UUID]:
    controllers = actor_of(request).controllers(Permission.AUDIT_VIEW)
    if not controllers:
        raise NotAllowedError(
            "permission_missing", "The audit log is open to auditors and data-protection officers."
        )
    return controllers
