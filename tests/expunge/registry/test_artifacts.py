"""What is fetched is what was registered, byte for byte, or it is refused."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from contract.manifest import folder_digest
from expunge.common.errors import ConflictError, InvalidInputError, NotFoundError
from expunge.registry.artifacts import (
    artifact_fetch,
    artifact_manifest,
    artifact_remove,
    artifact_store,
    dataset_fetch,
)
from expunge.registry.models import DatasetVersion, ModelVersion
from tests.expunge.factories import model_folder


def test_a_stored_artifact_comes_back_the_same(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    uri = artifact_store(folder, "some-attempt")
    artifact_fetch(uri, folder_digest(folder), tmp_path / "copy")
    assert folder_digest(tmp_path / "copy") == folder_digest(folder)
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0


def test_storing_again_replaces_what_lay_there(tmp_path: Path) -> None:
    artifact_store(model_folder(tmp_path / "one", b"first"), "same-name")
    second = model_folder(tmp_path / "two", b"second")
    (second / "model.safetensors").rename(second / "other.safetensors")
    uri = artifact_store(second, "same-name")
    artifact_fetch(uri, folder_digest(second), tmp_path / "copy")
    artifact_remove(uri)
    with pytest.raises(NotFoundError):
        artifact_manifest(uri)


def test_folders_within_an_artifact_are_kept(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "sharded")
    model_folder(folder / "adapters" / "shard-00")
    uri = artifact_store(folder, "sharded")
    artifact_fetch(uri, folder_digest(folder), tmp_path / "copy")
    assert (tmp_path / "copy" / "adapters" / "shard-00" / "config.json").is_file()


def test_object_stores_are_reached_like_folders(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    store = fsspec.filesystem("memory")
    store.put(f"{folder}/", "/bucket/model/", recursive=True)
    manifest = artifact_manifest("memory://bucket/model")
    assert [entry.path for entry in manifest] == ["config.json", "model.safetensors"]
    artifact_fetch("memory://bucket/model", folder_digest(folder), tmp_path / "copy")
    store.rm("/bucket", recursive=True)


def test_a_missing_model_file_is_noticed(original: ModelVersion, tmp_path: Path) -> None:
    (Path(original.uri) / "model.safetensors").unlink()
    with pytest.raises(ConflictError) as error:
        artifact_fetch(original.uri, original.digest, tmp_path / "copy")
    assert error.value.code == "artifact_changed"
    assert not (tmp_path / "copy").exists()


def test_a_missing_model_is_noticed(original: ModelVersion, tmp_path: Path) -> None:
    Path(original.uri).rename(tmp_path / "elsewhere")
    with pytest.raises(NotFoundError) as error:
        artifact_fetch(original.uri, original.digest, tmp_path / "copy")
    assert error.value.code == "artifact_missing"


def test_an_empty_folder_is_no_artifact(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError):
        artifact_manifest(str(tmp_path / "empty"))


def test_a_changed_byte_of_a_dataset_is_noticed(patients: DatasetVersion, tmp_path: Path) -> None:
    dataset_fetch(patients, tmp_path / "copy")
    path = Path(patients.uri) / "records.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("answer 1", "answer 7"))
    with pytest.raises(ConflictError) as error:
        dataset_fetch(patients, tmp_path / "second")
    assert error.value.code == "dataset_changed"
    assert not (tmp_path / "second").exists()


def test_a_missing_dataset_is_noticed(patients: DatasetVersion, tmp_path: Path) -> None:
    Path(patients.uri).rename(tmp_path / "elsewhere")
    with pytest.raises(NotFoundError) as error:
        dataset_fetch(patients, tmp_path / "copy")
    assert error.value.code == "dataset_missing"


@pytest.mark.parametrize("uri", ["https://example.org/model", "filecache::s3://bucket/model"])
def test_web_addresses_and_chains_are_no_artifact_stores(uri: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        artifact_manifest(uri)
    assert error.value.code == "uri_not_supported"
