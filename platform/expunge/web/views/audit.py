"""The audit log: its entries, proofs that leave the house, and a check of the whole."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from expunge.accounts.permissions import Permission
from expunge.audit.actions import AuditAction
from expunge.audit.checks import check_ask, check_latest
from expunge.audit.cosigners import cosigners_shown
from expunge.audit.selectors import (
    checkpoint_covering,
    checkpoint_latest,
    inclusion_proof,
    leaf_get,
    leaves_of_controllers,
    log_size,
)
from expunge.certificates.evidence import write_proof
from expunge.certificates.selectors import log_proof
from expunge.common.errors import NotAllowedError
from expunge.jobs import queue
from expunge.web.access import actor_of, is_fragment, page
from expunge.web.audit_page import entry_of, leaves_filtered, leaves_page, read_filter
from expunge.web.background import CHECK
from expunge.web.views.work import STOP_POLLING


@page()
def audit(request: HttpRequest) -> HttpResponse:
    """List the entries of the person's organisations, newest first."""
    controllers = _controllers(request)
    wanted = read_filter(request.GET)
    leaves = leaves_filtered(actor_of(request), leaves_of_controllers(controllers), wanted)
    context = {
        "page": leaves_page(leaves, request.GET.get("before"), wanted.query),
        "wanted": wanted,
        "actions": list(AuditAction),
        "checkpoint": checkpoint_latest(),
        "size": log_size(),
        "check": check_latest(),
        "cosigners": cosigners_shown(),
    }
    return render(request, "audit/log.html", context)


@page("GET", "HEAD", "POST")
def check(request: HttpRequest) -> HttpResponse:
    """POST asks for a check of the whole log, which a worker does; GET says how it ended."""
    _controllers(request)
    if request.method == "POST":
        check_ask(actor=actor_of(request).pseudonym)
        queue.enqueue(CHECK)
        return redirect("web:audit")
    found = check_latest()
    over = found is None or found.ended_at is not None
    if not is_fragment(request):
        return redirect("web:audit")
    status = STOP_POLLING if over else 200
    return render(request, "audit/check.html", {"check": found}, status=status)


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


@page()
def proof(request: HttpRequest, seq: int) -> HttpResponse:
    """Hand out an entry with its inclusion proof and the checkpoint, as JSON."""
    found = leaf_get(_controllers(request), seq)
    data = write_proof(log_proof(found.seq))
    name = f"entry-{found.seq}.json"
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(
        data, content_type="application/json", headers={"Content-Disposition": disposition}
    )


def _controllers(request: HttpRequest) -> frozenset[UUID]:
    controllers = actor_of(request).controllers(Permission.AUDIT_VIEW)
    if not controllers:
        raise NotAllowedError(
            "permission_missing",
            _("The audit log is open to auditors and data-protection officers."),
        )
    return controllers
