"""The people of the demonstration can do what a newcomer is told they can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from expunge.accounts.selectors import policy_of
from expunge.config.demo.people import PEOPLE, cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _keys(settings: Any, tmp_path: Path) -> None:
    settings.EXPUNGE_KEYS_DIR = tmp_path
    settings.EXPUNGE_PUBLIC_INTAKE = True


def test_each_signs_in_and_ada_administers() -> None:
    made = cast()
    for email, _, _ in PEOPLE:
        client = Client()
        answer = client.post("/sign-in/", {"login": email, "password": made.password})
        assert answer.status_code == 302, email
        assert client.get("/").status_code == 200, email
        expected = 200 if email.startswith("ada@") else 404
        assert client.get(f"/administration/{made.controller.pk}/people/").status_code == expected


def test_data_subjects_find_the_form() -> None:
    made = cast()
    assert Client().get(f"/ask/{made.controller.pk}/").status_code == 200


def test_a_second_run_finds_everybody_and_changes_nothing() -> None:
    first, again = cast(), cast()
    assert (first.ada.pseudonym, first.password) == (again.ada.pseudonym, again.password)
    assert policy_of(first.controller.pk).number == 1
