"""Alerts that someone who was erased came back: the list, one of them, the decision."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from expunge.registry import suppression
from expunge.registry.models import AlertState
from expunge.web.access import actor_of, page
from expunge.web.forms import Styled
from expunge.web.paging import page_by_time
from expunge.web.tree import branches_of

GROUPS = {
    AlertState.CONFIRMED: gettext_lazy("Confirm: they are back"),
    AlertState.DISMISSED: gettext_lazy("Dismiss: nothing is to be done"),
}
ANSWERS: list[tuple[Any, list[tuple[str, Any]]]] = [
    (GROUPS[decision], [(f"{decision}:{item}", item.label) for item in reasons])
    for decision, reasons in suppression.REASONS.items()
]


class DecisionForm(Styled):
    """What an alert is found to be: each answer says the decision and its reason."""

    answer = forms.ChoiceField(
        label=gettext_lazy("What did you find?"),
        choices=[("", gettext_lazy("Choose an answer")), *ANSWERS],
    )


@page()
def alerts(request: HttpRequest) -> HttpResponse:
    """List alerts, the open ones or all, newest first."""
    everything = bool(request.GET.get("all"))
    state = None if everything else AlertState.OPEN
    found = suppression.alerts_visible(actor_of(request), state=state)
    context = {"page": page_by_time(request, found, "created_at"), "everything": everything}
    return render(request, "alerts/list.html", context)


@page("GET", "HEAD", "POST")
def alert(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    """Show an alert, and decide about it."""
    actor = actor_of(request)
    found = suppression.alert_get(actor, alert_id)
    form = DecisionForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        decision, _colon, reason = form.cleaned_data["answer"].partition(":")
        suppression.alert_decide(actor=actor, alert_id=alert_id, decision=decision, reason=reason)
        messages.success(request, _("The alert is decided."))
        return redirect("web:alert", alert_id)
    context = {
        "alert": found,
        "branches": branches_of(suppression.alert_nodes(actor, found), trails=True),
        "form": form if suppression.alert_may_decide(actor, found) else None,
    }
    return render(request, "alerts/alert.html", context, status=422 if form.errors else 200)
