"""Datasets, scopes and models by API."""

from __future__ import annotations

from pathlib import Path

from corpora.dataset import write_dataset
from expunge.registry.models import DatasetVersion, ModelVersion, ScopeNode
from tests.expunge.api.conftest import AsScript
from tests.expunge.factories import People, clinic, model_folder, recipe


def test_a_pipeline_registers_what_it_trained(
    script: AsScript, cast: People, tmp_path: Path
) -> None:
    write_dataset(tmp_path / "dataset", clinic())
    carol = script(cast.carol)
    data = carol.post("datasets", {"name": "clinic", "uri": str(tmp_path / "dataset")})
    assert data.status_code == 201 and data.json()["record_count"] == 12
    model = carol.post("models", {"name": "assistant"}).json()
    uri = str(model_folder(tmp_path / "model"))
    made = carol.post(
        f"models/{model['id']}/versions",
        {
            "uri": uri,
            "recipe": recipe(),
            "trained_on": [{"dataset_version": data.json()["id"], "arm": "trained"}],
        },
    )
    assert made.status_code == 201
    version = made.json()
    assert version["number"] == 1 and version["digest"].startswith("sha256:")
    assert carol.get(f"model-versions/{version['id']}").json() == version
    assert carol.get(f"models/{model['id']}/versions").json() == [version]
    assert carol.get("models").json()["results"][0]["name"] == "assistant"


def test_an_artifact_that_is_not_there_is_said_in_a_sentence(
    script: AsScript, cast: People, original: ModelVersion, tmp_path: Path
) -> None:
    body = {"uri": str(tmp_path / "nothing"), "trained_on": []}
    answer = script(cast.carol).post(f"models/{original.model_id}/versions", body)
    assert answer.status_code == 404 and answer.json()["code"] == "artifact_missing"


def test_who_only_reads_registers_nothing(script: AsScript, cast: People) -> None:
    for who in (cast.alice, cast.bob, cast.dora):
        assert script(who).post("models", {"name": "assistant"}).status_code == 403
        body = {"name": "clinic", "uri": "/nowhere"}
        assert script(who).post("datasets", body).status_code == 403


def test_the_tree_is_walked_searched_and_counted(
    script: AsScript, cast: People, original: ModelVersion, erika: ScopeNode
) -> None:
    carol = script(cast.carol)
    dataset = f"datasets/{erika.dataset_id}"
    (root,) = carol.get(f"{dataset}/nodes").json()["results"]
    assert root["level"] == "institution"
    page = carol.get(f"{dataset}/nodes", parent=root["id"], after=erika.path).json()
    assert [node["label"] for node in page["results"]] == ["Max Beispiel", "Anna Zwilling"]
    assert page["after"] is None
    (found,) = carol.post(f"{dataset}/search", {"label": "erika mustermann"}).json()
    assert found["id"] == str(erika.pk)
    counted = carol.post("scopes/counts", {"nodes": [root["id"], found["id"]]}).json()
    assert {item["node"]: item["records"] for item in counted["counts"]} == {
        root["id"]: 12,
        found["id"]: 4,
    }
    assert [version["id"] for version in counted["versions"]] == [str(original.pk)]


def test_mallory_sees_nothing_of_another_organisation(
    script: AsScript, cast: People, original: ModelVersion, patients: DatasetVersion
) -> None:
    mallory = script(cast.mallory)
    assert mallory.get("datasets").json()["results"] == []
    assert mallory.get("models").json()["results"] == []
    for path in (
        f"datasets/{patients.dataset_id}",
        f"datasets/{patients.dataset_id}/nodes",
        f"models/{original.model_id}",
        f"models/{original.model_id}/versions",
        f"model-versions/{original.pk}",
    ):
        assert mallory.get(path).status_code == 404, path
    search = f"datasets/{patients.dataset_id}/search"
    assert mallory.post(search, {"label": "Erika Mustermann"}).status_code == 404
