"""The wording of letters: read, changed with a preview, and set back."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from expunge.accounts.permissions import Permission, controller_for
from expunge.common.errors import DomainError
from expunge.notices.letters import FORMS, SAMPLES, Wording, letter_write, wording_check
from expunge.notices.selectors import template_history, templates_of
from expunge.notices.wording import (
    kind_named,
    language_named,
    template_reset,
    template_save,
    wording_of,
)
from expunge.web.access import actor_of, page
from expunge.web.correspondence_forms import WordingForm


@page()
def wordings(request: HttpRequest, controller_id: UUID) -> HttpResponse:
    """List every letter in every language."""
    controller = controller_for(actor_of(request), Permission.ADMINISTER, controller_id)
    context = {"controller": controller, "here": "wordings", "templates": templates_of(controller)}
    return render(request, "administration/wordings.html", context)


@page("GET", "HEAD", "POST")
def wording(request: HttpRequest, controller_id: UUID, kind: str, language: str) -> HttpResponse:
    """Show one wording with a preview; a POST previews or saves."""
    actor = actor_of(request)
    controller = controller_for(actor, Permission.ADMINISTER, controller_id)
    item, spoken = kind_named(kind), language_named(language)
    words = wording_of(controller_id, item, spoken)
    form = WordingForm(request.POST or None, initial={"subject": words.subject, "body": words.body})
    if request.method == "POST" and form.is_valid():
        words = Wording(form.cleaned_data["subject"], form.cleaned_data["body"])
        try:
            wording_check(item, words)
            if "save" in request.POST:
                template_save(
                    actor=actor,
                    controller_id=controller_id,
                    kind=kind,
                    language=language,
                    subject=words.subject,
                    body=words.body,
                )
                messages.success(request, gettext("The text is saved."))
                return redirect("web:wording", controller_id, kind, language)
        except DomainError as error:
            form.add_domain_error(error)
    context = {
        "controller": controller,
        "here": "wordings",
        "kind": item,
        "language": spoken,
        "form": form,
        "fields": [(name, SAMPLES[name]) for name in sorted(FORMS[item].known)],
        "shown": FORMS[item].shown,
        "preview": None if form.errors else letter_write(item, words, SAMPLES),
        "history": template_history(controller, item, spoken),
    }
    return render(
        request, "administration/wording.html", context, status=422 if form.errors else 200
    )


@page("POST")
def wording_reset(
    request: HttpRequest, controller_id: UUID, kind: str, language: str
) -> HttpResponse:
    """Go back to the platform's own wording."""
    template_reset(
        actor=actor_of(request), controller_id=controller_id, kind=kind, language=language
    )
    messages.success(request, gettext("The platform's own text holds again."))
    return redirect("web:wording", controller_id, kind, language)
