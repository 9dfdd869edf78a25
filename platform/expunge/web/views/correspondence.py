"""The outbox for people: what went out, what failed, and what waits for a hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from expunge.accounts.permissions import Permission
from expunge.notices import handling
from expunge.notices.models import OutboxState
from expunge.notices.selectors import (
    notice_get,
    notice_letter,
    notices_by_hand,
    notices_visible,
)
from expunge.tickets.selectors import references_of
from expunge.web.access import actor_of, page
from expunge.web.paging import page_by_time

TASKS: Mapping[str, tuple[Callable[..., Any], Callable[[], str]]] = {
    "sent": (handling.notice_mark_sent, lambda: gettext("It is recorded that you sent it.")),
    "retry": (handling.notice_retry, lambda: gettext("It is on its way again.")),
    "by-hand": (handling.notice_take_over, lambda: gettext("It now waits to be sent by hand.")),
}


@page()
def outbox(request: HttpRequest) -> HttpResponse:
    """List letters, those first that wait for this person's hand."""
    actor = actor_of(request)
    state = request.GET.get("state", "")
    wanted = state if state in OutboxState.values else None
    by_hand = list(notices_by_hand(actor)[:50])
    letters = page_by_time(request, notices_visible(actor, state=wanted), "created_at")
    about = [notice.ticket_id for notice in (*by_hand, *letters.rows)]
    context = {
        "by_hand": by_hand,
        "page": letters,
        "references": references_of(actor, about),
        "states": OutboxState.choices,
        "state": wanted or "",
        "here": "outbox",
    }
    return render(request, "correspondence/outbox.html", context)


@page()
def letter(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    """Show one letter; its text only to those who review, and only until it is out."""
    actor = actor_of(request)
    notice = notice_get(actor, notice_id)
    reviews = actor.may(Permission.TICKET_REVIEW, notice.controller_id)
    context = {
        "notice": notice,
        "letter": notice_letter(actor, notice),
        "reviews": reviews,
        "opens": actor.may(Permission.TICKET_VIEW, notice.controller_id),
        "here": "outbox",
    }
    return render(request, "correspondence/letter.html", context)


@page("POST")
def letter_do(request: HttpRequest, notice_id: UUID, task: str) -> HttpResponse:
    """Mark a letter as sent by hand, or have a failed one tried again."""
    if task not in TASKS:
        raise Http404
    service, done = TASKS[task]
    service(actor=actor_of(request), notice_id=notice_id)
    messages.success(request, done())
    return redirect("web:letter", notice_id)
