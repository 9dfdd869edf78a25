"""A person fetches the certificate of their own erasure by the secret link, and no other."""

from __future__ import annotations

import io
import re

import pypdf
import pytest
from django.test import Client

from expunge.certificates.models import Certificate
from expunge.certificates.selectors import certificate_pdf
from expunge.certificates.services import certificate_issue
from expunge.subjects.links import status_link_make, status_links_revoke
from expunge.tickets.models import Ticket
from tests.expunge.certificates.samples import FACTS
from tests.expunge.conftest import FileTicket
from tests.expunge.factories import SYSTEM, People
from tests.expunge.tickets.walk import certified

pytestmark = pytest.mark.django_db(transaction=True)


def issued(cast: People, ticket: Ticket) -> Certificate:
    return certificate_issue(
        facts=FACTS, ticket_id=ticket.pk, controller_id=cast.controller.pk, actor=SYSTEM
    )


def follower(cast: People, ticket: Ticket) -> Client:
    address = status_link_make(actor=cast.alice, ticket_id=ticket.pk)
    client = Client()
    assert client.get(re.sub(r"^https?://[^/]+", "", address)).status_code == 302
    return client


def test_the_certificate_of_the_link_is_handed_out_and_no_other(
    cast: People, file_ticket: FileTicket
) -> None:
    mine, other = certified(cast, file_ticket()), certified(cast, file_ticket())
    certificate, foreign = issued(cast, mine), issued(cast, other)
    client = follower(cast, mine)

    page = client.get("/request/").content.decode()
    address = f"/request/documents/{certificate.pk}.pdf"
    assert address in page and str(foreign.pk) not in page
    answer = client.get(address)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/pdf"
    assert f'"{certificate.number}.pdf"' in answer.headers["Content-Disposition"]
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.content == certificate_pdf(certificate)
    first = pypdf.PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
    assert certificate.number in first

    assert client.get(f"/request/documents/{foreign.pk}.pdf").status_code == 404
    assert Client().get(address).status_code == 404, "a stranger who guessed the id"
    status_links_revoke(actor=cast.alice, ticket_id=mine.pk)
    assert client.get(address).status_code == 404, "the link was taken back"
