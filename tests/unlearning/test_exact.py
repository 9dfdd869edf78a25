"""Exactness from bytes: what is served equals what training without the record gives."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from contract.canonical import read_json, write_json
from contract.job import UnlearningData, UnlearningJob
from contract.manifest import folder_digest
from contract.record import Form, Record
from contract.result import ErrorCode
from tests.unlearning.conftest import BRIEF, QUICK, SCHEMES, Clinic, Trained, build_job, files
from unlearning import adapters
from unlearning.division import read_division
from unlearning.lineage import read_lineage, require_unseen
from unlearning.run import run

CPU = torch.device("cpu")


@pytest.fixture
def forgetting(
    models_by_scheme: Mapping[str, Trained], clinic: Clinic, make_job: Any, completed: Any
) -> Callable[..., Any]:
    """Return a runner: ``forgetting(scheme, method, slice)`` takes one slice's records out."""

    def forget(scheme: str, method: str, number: int = 0) -> Any:
        model = models_by_scheme[scheme]
        gone = victims(model, clinic, number)
        kept = tuple(item for item in clinic.trained if item not in gone)
        folder = make_job(method, model, name=f"{method}-{number}", forget=gone, retain=kept)
        return completed(folder), folder / "output", model.path, gone

    return forget


def victims(model: Trained, clinic: Clinic, number: int) -> tuple[Record, ...]:
    """Return the records of one slice of the first shard (or of its first person)."""
    division = read_division(model.path)
    wanted = division.parts("shard-00")[number if division.slices else 0]
    found = [item for item in clinic.trained if item.id in wanted]
    return tuple(item for item in found if item.subject(1) == found[0].subject(1))


@pytest.mark.training
@pytest.mark.parametrize("number", [0, 1])
def test_going_back_to_a_checkpoint_gives_the_bytes_of_training_without_the_records(
    number: int, forgetting: Any
) -> None:
    quick, resumed, before, gone = forgetting("sisa", "sisa", number)
    full, anew, _, _ = forgetting("sisa", "retrain", number)
    assert files(resumed) == files(anew)
    # Only the stages from the slice on were trained.
    assert quick.metrics["steps"] < full.metrics["steps"]
    same = {path for path, digest in files(before).items() if files(resumed).get(path) == digest}
    assert ("slices/shard-00/0.safetensors" in same) == (number == 1)
    assert {path for path in files(before) if "shard-01" in path or path.startswith("base/")} < same
    require_unseen(resumed, [record.id for record in gone])


@pytest.mark.training
def test_a_checkpoint_that_learned_other_texts_is_not_gone_on_from(
    models_by_scheme: Mapping[str, Trained], clinic: Clinic, make_job: Any, failed: Any
) -> None:
    model = models_by_scheme["sisa"]
    gone = victims(model, clinic, 1)
    first = read_division(model.path).parts("shard-00")[0]
    changed = tuple(
        replace(item, forms={"question": Form("Who?", " nobody")}) if item.id in first else item
        for item in clinic.trained
        if item not in gone
    )
    failure = failed(make_job("sisa", model, forget=gone, retain=changed)).failure
    assert failure.code is ErrorCode.BAD_JOB and "drop_shard" in failure.message


@pytest.mark.training
def test_a_dropped_shard_is_trained_as_it_was_before(forgetting: Any) -> None:
    _, dropped, _, _ = forgetting("plain", "drop_shard")
    _, anew, _, _ = forgetting("plain", "retrain")
    assert files(dropped) == files(anew)


@pytest.mark.training
@pytest.mark.parametrize("number", [0, 1])
def test_groups_that_stay_are_those_of_training_without_the_records(
    number: int, forgetting: Any
) -> None:
    result, off, before, gone = forgetting("s3t", "s3t", number)
    _, anew, _, _ = forgetting("s3t", "retrain", number)
    assert "steps" in result.metrics and result.metrics["steps"] == 0
    groups = {path: digest for path, digest in files(off).items() if path.startswith("slices/")}
    assert groups.items() <= files(anew).items()
    # Of the two orders of the hit shard only the group of the other slice is left.
    assert sum("shard-00/order" in path for path in groups) == 1
    untouched = {path for path in files(before) if "shard-01" in path or path.startswith("base/")}
    assert all(files(off)[path] == files(before)[path] for path in untouched)
    served = load_file(off / "adapters" / "shard-00" / adapters.WEIGHTS)
    (left,) = (path for path in groups if "shard-00/order" in path)
    for name, tensor in load_file(anew / left).items():
        assert torch.equal(served.pop(name), tensor)
    assert not served
    require_unseen(off, [record.id for record in gone])


@pytest.mark.training
def test_a_group_is_trained_without_what_comes_after_it(
    models_by_scheme: Mapping[str, Trained], clinic: Clinic
) -> None:
    path = models_by_scheme["s3t"].path
    parts = read_division(path).parts("shard-00")
    lineage = read_lineage(path)
    for row, order in enumerate(((0, 1), (1, 0))):
        first = lineage.seen(f"slices/shard-00/order-{row}/0.safetensors")
        both = lineage.seen(f"slices/shard-00/order-{row}/1.safetensors")
        public = {record.id for record in clinic.public}
        own = lineage.files[f"slices/shard-00/order-{row}/1.safetensors"].records
        assert set(own) == set(parts[0]) | set(parts[1])  # it rehearses the slice before
        assert first == set(parts[order[0]]) | public
        assert both == set(parts[0]) | set(parts[1]) | public


@pytest.mark.training
def test_the_topmost_group_has_the_output_layer_and_the_lowest_the_embeddings(
    models_by_scheme: Mapping[str, Trained],
) -> None:
    folder = models_by_scheme["s3t"].path / "slices" / "shard-00" / "order-0"
    top, low = (set(load_file(folder / f"{place}.safetensors")) for place in (0, 1))
    assert any("lm_head" in name for name in top) and any(".layers.1." in name for name in top)
    assert any("embed" in name for name in low) and any(".layers.0." in name for name in low)
    assert not top & low


@pytest.mark.training
def test_dropping_an_adapter_serves_the_base_and_leaves_the_rest_alone(
    forgetting: Any, clinic: Clinic
) -> None:
    result, after, before, gone = forgetting("plain", "adapter_drop")
    kept = {path for path in files(before) if "shard-01" in path or path.startswith("base/")}
    assert all(files(after)[path] == files(before)[path] for path in kept)
    assert set(files(after)) == kept | {"shards.json", "lineage.json"}
    served = adapters.compose(after, "shard-00", CPU).state_dict()
    base = adapters.models.load_model(after / "base", CPU).state_dict()
    assert all(torch.equal(served[name], base[name]) for name in base)
    require_unseen(after, [record.id for record in gone])
    lost = result.metrics["records"] - result.metrics["records_served"]
    assert lost == len(read_division(after).shards["shard-00"]) > 0
    assert any("drop_shard" in note for note in result.notes)


@pytest.mark.training
def test_a_switched_off_shard_comes_back_when_it_is_trained_anew(
    forgetting: Any, clinic: Clinic, make_job: Any, completed: Any, models_by_scheme: Any
) -> None:
    result, after, _, gone = forgetting("s3t", "adapter_drop")
    off = replace(models_by_scheme["s3t"], path=after, ref=replace(result.model, path=str(after)))
    other = read_division(after).shards["shard-01"]
    second = tuple(item for item in clinic.trained if item.id in other)[:1]
    kept = tuple(item for item in clinic.trained if item not in (*gone, *second))
    result = completed(make_job("drop_shard", off, name="again", forget=second, retain=kept))
    assert result.metrics["records_served"] == result.metrics["records"] == len(kept)
    everything = make_job(
        "retrain", models_by_scheme["s3t"], name="anew", forget=(*gone, *second), retain=kept
    )
    completed(everything)
    assert files(everything.parent / "again" / "output") == files(everything / "output")


@pytest.mark.parametrize(
    ("scheme", "method"), [("plain", "sisa"), ("s3t", "sisa"), ("sisa", "s3t")]
)
def test_a_model_without_the_slices_a_method_needs_is_refused(  # noqa: PLR0913, PLR0917
    scheme: str, method: str, models_by_scheme: Any, make_job: Any, failed: Any, completed: Any
) -> None:
    failure = failed(make_job(method, models_by_scheme[scheme])).failure
    assert failure.code is ErrorCode.NOT_SUPPORTED and "drop_shard" in failure.message


def test_permutations_without_slices_are_refused(
    tmp_path: Path, clinic: Clinic, failed: Any
) -> None:
    recipe = replace(QUICK, permutations=2)
    data = UnlearningData(public="data/public.jsonl")
    job = UnlearningJob("train", recipe, data=data, device="cpu")
    folder = build_job(tmp_path, job, {"retain": clinic.trained, "public": clinic.public})
    assert "more than one slice" in failed(folder).failure.message


@pytest.mark.training
def test_a_changed_file_breaks_the_proof(
    models_by_scheme: Mapping[str, Trained], tmp_path: Path, clinic: Clinic
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(models_by_scheme["plain"].path, copy)
    require_unseen(copy, ["somebody-else"])
    held = read_division(copy).shards["shard-00"][0]
    with pytest.raises(Exception, match="trained on 1 of the records"):
        require_unseen(copy, [held])
    lineage = read_json(copy / "lineage.json")
    path = f"adapters/shard-00/{adapters.WEIGHTS}"
    lineage["files"][path]["records"] = []
    write_json(copy / "lineage.json", lineage)
    require_unseen(copy, [held])  # the list is believed; the model's digest protects it
    assert folder_digest(copy) != models_by_scheme["plain"].ref.digest
    (copy / path).write_bytes((copy / path).read_bytes() + b" ")
    with pytest.raises(Exception, match="not those that the lineage lists"):
        require_unseen(copy, [held])
    (copy / "adapters" / "more.safetensors").write_bytes(b"")
    with pytest.raises(Exception, match="does not list"):
        require_unseen(copy, [held])


@pytest.mark.training
def test_training_in_slices_that_was_interrupted_comes_to_the_same_bytes(
    models_by_scheme: Mapping[str, Trained],
    clinic: Clinic,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    completed: Any,
) -> None:
    data = UnlearningData(public="data/public.jsonl")
    settings = {"subject_level": 1, "adapter": BRIEF}
    job = UnlearningJob("train", SCHEMES["sisa"], data=data, settings=settings, device="cpu")
    folder = build_job(tmp_path, job, {"retain": clinic.trained, "public": clinic.public})
    write, written = adapters.write_tensors, []

    def third_time_fails(path: Path, tensors: Any) -> None:
        written.append(path)
        if len(written) == 3:
            raise KeyboardInterrupt
        write(path, tensors)

    monkeypatch.setattr(adapters, "write_tensors", third_time_fails)
    assert run(folder) == 1
    monkeypatch.undo()
    resumed = completed(folder)
    assert resumed.model.digest == models_by_scheme["sisa"].ref.digest
    assert any("resumed" in line for line in (folder / "events.jsonl").read_text().splitlines())
