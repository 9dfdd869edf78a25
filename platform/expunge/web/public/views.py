"""The form by which a person asks, and the page on which they follow their request."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language

from expunge.common.address import client_address
from expunge.common.errors import DomainError, NotFoundError
from expunge.subjects.intake import intake_controller, intake_receive
from expunge.subjects.intake_payload import IntakePayload
from expunge.subjects.links import link_found
from expunge.subjects.models import StatusLink
from expunge.web.public import actions, limits
from expunge.web.public.access import forget, public_page, remember, status_page
from expunge.web.public.forms import AskForm, CodeForm, WithdrawForm
from expunge.web.public.reading import read_link


@public_page("GET", "HEAD", "POST")
def ask(request: HttpRequest, controller_id: UUID) -> HttpResponse:
    """Take a request from a person without an account. Everybody gets the same answer."""
    try:
        controller = intake_controller(controller_id)
    except NotFoundError:
        return render(request, "public/closed.html", status=HTTPStatus.NOT_FOUND)
    form = AskForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"form": form, "controller": controller}
    if not form.is_valid():
        return render(request, "public/ask.html", context)
    if form.is_trapped:
        return render(request, "public/received.html", context)
    address = client_address(request)
    if not (
        limits.take(limits.ASKED_FROM, address)
        and limits.take(limits.ASKED_ALL, str(controller.pk))
    ):
        status = HTTPStatus.TOO_MANY_REQUESTS
        return render(request, "public/too_many.html", context, status=status)
    try:
        intake, link = intake_receive(
            controller_id=controller.pk,
            regime=form.cleaned_data["regime"],
            payload=_payload(form),
            language=(get_language() or "en")[:2],
            quiet=not limits.take(limits.WRITTEN_TO, form.cleaned_data["contact"]),
        )
    except DomainError as error:
        form.add_domain_error(error)
        return render(request, "public/ask.html", context)
    context |= {"intake": intake, "link": link}
    return render(request, "public/received.html", context)


@public_page()
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Exchange the secret of a link for a short cookie, and go on to a clean address."""
    tried = limits.take(limits.TRIED_FROM, client_address(request))
    link = link_found(token) if tried else None
    if link is None:
        response = render(request, "public/ended.html", status=HTTPStatus.NOT_FOUND)
    else:
        response = redirect("public:status")
        remember(response, link.pk)
    response["Referrer-Policy"] = "no-referrer"
    return response


@status_page()
def status(request: HttpRequest, link: StatusLink) -> HttpResponse:
    """Show where the request stands, what happens next, and what the person can do."""
    return _status(request, link)


@status_page("POST")
def code(request: HttpRequest, link: StatusLink) -> HttpResponse:
    """Take the code of our letter."""
    form = CodeForm(request.POST)
    if not form.is_valid():
        return _status(request, link, code_form=form)
    if not limits.take(limits.TRIED_FROM, client_address(request)):
        return render(request, "public/too_many.html", status=HTTPStatus.TOO_MANY_REQUESTS)
    try:
        actions.code_enter(link, form.cleaned_data["code"])
    except DomainError as error:
        form.add_domain_error(error)
        return _status(request, link, code_form=form)
    return redirect("public:status")


@status_page("POST")
def code_new(request: HttpRequest, link: StatusLink) -> HttpResponse:
    """Write another letter with a code."""
    form = CodeForm()
    try:
        actions.code_send(link)
    except DomainError as error:
        return _status(request, link, code_form=form, refused=error.message)
    return _status(request, link, code_form=form, sent=True)


@status_page("GET", "HEAD", "POST")
def withdraw(request: HttpRequest, link: StatusLink) -> HttpResponse:
    """Ask once more, then withdraw."""
    form = WithdrawForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            actions.withdraw(link)
        except DomainError as error:
            form.add_domain_error(error)
        else:
            return redirect("public:status")
    return render(request, "public/withdraw.html", {"form": form, "seen": read_link(link)})


@status_page()
def document(request: HttpRequest, link: StatusLink, certificate_id: UUID) -> HttpResponse:
    """Hand out a document of the person's own ticket."""
    try:
        data, name = actions.document(link, certificate_id)
    except NotFoundError:
        return render(request, "public/ended.html", status=HTTPStatus.NOT_FOUND)
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(
        data, content_type="application/pdf", headers={"Content-Disposition": disposition}
    )


@public_page("POST")
def leave(request: HttpRequest) -> HttpResponse:
    """End the visit, on a machine that others use too."""
    response = render(request, "public/left.html")
    forget(response)
    return response


def _payload(form: AskForm) -> IntakePayload:
    given = form.cleaned_data
    return IntakePayload(given["subject_name"], given["contact"], given["note"])


def _status(request: HttpRequest, link: StatusLink, **more: Any) -> HttpResponse:
    context = {"seen": read_link(link), "code_form": CodeForm(), **more}
    return render(request, "public/status.html", context)
