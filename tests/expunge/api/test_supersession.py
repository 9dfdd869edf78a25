"""A newer document by script: asked for by whom it may be, made once, and then the only one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from expunge.certificates.models import Certificate, Supersession
from expunge.jobs.tasks import certificate_replace
from tests.expunge.api.conftest import AsScript
from tests.expunge.factories import People
from tests.expunge.tour import tour

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def certificate(cast: People, tmp_path: Path) -> Certificate:
    tour(cast, tmp_path, certified=True)
    return Certificate.objects.get()


def other(certificate: Certificate) -> str:
    return "en" if certificate.language == "de" else "de"


def supersede(script: AsScript, actor: Any, certificate: Certificate, **changes: str) -> Any:
    given = {"reason": "language", "language": other(certificate), "text": "They read that one."}
    return script(actor).post(f"certificates/{certificate.pk}/supersede", {**given, **changes})


def test_a_newer_document_is_made_and_the_older_one_names_it(
    cast: People, script: AsScript, certificate: Certificate
) -> None:
    asked = supersede(script, cast.alice, certificate)
    assert asked.status_code == 202
    assert asked.json()["replacement_asked_at"] and asked.json()["superseded_by"] is None
    again = supersede(script, cast.alice, certificate)
    assert again.status_code == 409
    certificate_replace(str(certificate.pk))
    older = script(cast.dora).get(f"certificates/{certificate.pk}").json()
    newer = script(cast.dora).get(f"certificates/{older['superseded_by']}").json()
    assert older["revoked_reason"] == "superseded" and older["revoked_at"]
    assert (newer["supersedes"], newer["language"], newer["version"]) == (
        older["id"],
        other(certificate),
        2,
    )
    assert newer["revoked_at"] is None


@pytest.mark.parametrize(
    ("name", "status"), [("bob", 403), ("carol", 403), ("dora", 403), ("mallory", 404)]
)
def test_nobody_else_has_one_made(
    cast: People, script: AsScript, certificate: Certificate, name: str, status: int
) -> None:
    assert supersede(script, getattr(cast, name), certificate).status_code == status
    assert not Supersession.objects.exists()


@pytest.mark.parametrize("changes", [{"reason": "whim"}, {"language": "fr"}, {"text": ""}], ids=str)
def test_what_cannot_be_asked_for_is_refused(
    cast: People, script: AsScript, certificate: Certificate, changes: dict[str, str]
) -> None:
    assert supersede(script, cast.alice, certificate, **changes).status_code == 422
    assert not Supersession.objects.exists()
