"""A training pipeline tells of its run in one call, as often as it likes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from expunge.registry.models import DatasetVersion, Model, ModelVersion
from tests.expunge.api.conftest import AsScript
from tests.expunge.conftest import RegisterVersion
from tests.expunge.factories import People, leaves, model_folder, recipe


@pytest.fixture
def run(tmp_path: Path, patients: DatasetVersion) -> dict[str, Any]:
    return {
        "model": "ward-assistant",
        "uri": str(model_folder(tmp_path / "trained")),
        "recipe": recipe(),
        "trained_on": [{"digest": patients.digest}],
    }


def test_one_call_makes_the_model_and_its_version(
    script: AsScript, cast: People, patients: DatasetVersion, run: dict[str, Any]
) -> None:
    made = script(cast.carol).post("model-versions", run)
    assert made.status_code == 201 and made.json()["number"] == 1
    assert made.json()["trained_on"] == [{"dataset_version": str(patients.pk), "arm": "trained"}]
    assert Model.objects.get().name == "ward-assistant"


def test_the_same_files_are_the_same_version(
    script: AsScript, cast: People, run: dict[str, Any], tmp_path: Path
) -> None:
    carol = script(cast.carol)
    first = carol.post("model-versions", run)
    elsewhere = {**run, "uri": str(model_folder(tmp_path / "copy"))}
    again = carol.post("model-versions", elsewhere)
    assert again.status_code == 200 and again.json()["id"] == first.json()["id"]
    assert len(leaves("model_version.registered")) == 1
    other = {**run, "uri": str(model_folder(tmp_path / "next", b"more weights"))}
    assert carol.post("model-versions", other).json()["number"] == 2


def test_the_same_files_cannot_have_been_trained_on_other_data(
    script: AsScript, cast: People, run: dict[str, Any]
) -> None:
    carol = script(cast.carol)
    carol.post("model-versions", run)
    answer = carol.post("model-versions", {**run, "trained_on": []})
    assert answer.status_code == 409 and answer.json()["code"] == "version_differs"


def test_a_parent_is_named_by_its_digest(
    script: AsScript, cast: People, run: dict[str, Any], register_version: RegisterVersion
) -> None:
    parent = register_version()
    made = script(cast.carol).post("model-versions", {**run, "parent_digest": parent.digest})
    assert made.json()["parent"] == str(parent.pk)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trained_on": [{"digest": "sha256:" + "0" * 64}]}, (404, "dataset_version_unknown")),
        ({"parent_digest": "sha256:" + "0" * 64}, (404, "model_version_unknown")),
        ({"trained_on": [{}]}, (422, "invalid_input")),
        ({"uri": "/nowhere"}, (404, "artifact_missing")),
        ({"uri": "https://files.example/model"}, (422, "uri_not_supported")),
        ({"recipe": {"epochs": "many"}}, (422, "recipe_invalid")),
    ],
)
def test_what_cannot_be_registered_is_said(
    script: AsScript, cast: People, run: dict[str, Any], wrong: Any, said: Any
) -> None:
    answer = script(cast.carol).post("model-versions", {**run, **wrong})
    assert (answer.status_code, answer.json()["code"]) == said
    assert not ModelVersion.objects.exists()


def test_who_only_reads_tells_of_no_run(
    script: AsScript, cast: People, run: dict[str, Any]
) -> None:
    for who in (cast.alice, cast.bob, cast.dora, cast.ada):
        assert script(who).post("model-versions", run).status_code == 403
    mallory = script(cast.mallory).post("model-versions", run)
    assert mallory.status_code == 404 and mallory.json()["code"] == "dataset_version_unknown"


@pytest.mark.django_db(transaction=True)
def test_two_who_tell_of_the_same_files_make_one_version(
    script: AsScript, cast: People, run: dict[str, Any]
) -> None:
    carol, start = script(cast.carol), Barrier(4)

    def tell(_: int) -> Any:
        start.wait(20)
        try:
            return carol.post("model-versions", run)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(tell, range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
