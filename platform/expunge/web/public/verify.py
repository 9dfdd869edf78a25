"""The page on which anybody checks a certificate."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from expunge.audit.selectors import log_key_published
from expunge.certificates.publication import roots_published, status_published
from expunge.common.address import client_address
from expunge.common.errors import NotFoundError
from expunge.web.forms import Styled
from expunge.web.public import limits
from expunge.web.public.access import public_page
from expunge.web.public.checking import check

LARGEST = 5 * 2**20


class CheckForm(Styled):
    """A certificate and what an auditor may have beside it."""

    certificate = forms.FileField(label=_("The certificate (PDF)"))
    sidecar = forms.FileField(
        label=_("Its sidecar (.json)"),
        required=False,
        help_text=_("Without it, the log's record of this very file is not looked at."),
    )
    roots = forms.FileField(
        label="roots.pem",
        required=False,
        help_text=_("Whom you trust. Left empty, this platform's own word counts."),
    )
    log_key = forms.FileField(
        label="log.key",
        required=False,
        help_text=_("The keys of the audit log as they were handed to you."),
    )

    def clean(self) -> dict[str, Any]:
        """Refuse what no certificate is as large as."""
        cleaned = super().clean() or {}
        for name, file in list(cleaned.items()):
            if file is not None and file.size > LARGEST:
                self.add_error(name, _("This file is larger than any certificate."))
        return cleaned


@public_page("GET", "HEAD", "POST")
def verify(request: HttpRequest) -> HttpResponse:
    """Check a certificate with the auditor's program; nothing of it is kept."""
    form = CheckForm(request.POST or None, request.FILES or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "public/verify.html", {"form": form})
    if not (
        limits.take(limits.CHECKED_FROM, client_address(request))
        and limits.take(limits.CHECKED_ALL, "")
    ):
        status = HTTPStatus.TOO_MANY_REQUESTS
        return render(request, "public/verify.html", {"form": form, "busy": True}, status=status)
    given = {name: file.read() for name, file in form.cleaned_data.items() if file is not None}
    try:
        roots = given.get("roots") or roots_published()
        own: dict[str, bytes] = {"status": status_published()}
    except NotFoundError as error:
        form.add_error(None, str(error))
        return render(request, "public/verify.html", {"form": form})
    keys = given["log_key"].decode("utf-8", "replace") if "log_key" in given else None
    if "sidecar" in given:
        own["sidecar"] = given["sidecar"]
    found = check(given["certificate"], roots, keys or log_key_published(), own)
    context = {
        "form": CheckForm(),
        "found": found,
        "own_word": not {"roots", "log_key"} <= set(given),
    }
    return render(request, "public/verify.html", context)
