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
from contract.job import ModelRef, Recipe, UnlearningData, UnlearningJob
from contract.manifest import folder_digest, manifest_of
from contract.record import Form, Record
from contract.result import ErrorCode, read_result
from tests.unlearning.conftest import RECIPE, Clinic, Trained, build_job
from tests.verification import tiny
from unlearning import adapters
from unlearning.division import read_division
from unlearning.lineage import read_lineage, require_unseen
from unlearning.run import run

CPU = torch.device("cpu")
TRAINING = {"epochs": 2, "learning_rate": 1e-2, "batch": 8, "warmup": 1}
QUICK = replace(RECIPE, epochs=2, shards=2, rank=4)
RECIPES = {
    "plain": QUICK,
    "sisa": replace(QUICK, slices=2),
    "s3t": replace(QUICK, slices=2, permutations=2),
}


def trained(folder: Path, clinic: Clinic, recipe: Any) -> Trained:
    data = UnlearningData(public="data/public.jsonl")
    settings = {"subject_level": 1, "adapter": TRAINING}
    job = UnlearningJob("train", recipe, data=data, settings=settings, device="cpu")
    build_job(folder, job, {"retain": clinic.trained, "public": clinic.public})
    assert run(folder) == 0, read_result(folder).failure
    model = read_result(folder).model
    assert model is not None
    return Trained(folder / "output", replace(model, path=str(folder / "output")), recipe)


@pytest.fixture(scope="session")
def models_by_scheme(
    tmp_path_factory: pytest.TempPathFactory, clinic: Clinic
) -> Mapping[str, Trained]:
    return {
        name: trained(tmp_path_factory.mktemp(name), clinic, recipe)
        for name, recipe in RECIPES.items()
    }


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


def files(folder: Path) -> dict[str, str]:
    return {item.path: item.sha256 for item in manifest_of(folder)}


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


def versions(*models: Trained) -> dict[str, Any]:
    return {"versions": [{"path": item.ref.path, "digest": item.ref.digest} for item in models]}


@pytest.fixture(scope="session")
def earlier(tmp_path_factory: pytest.TempPathFactory, clinic: Clinic) -> Trained:
    """The plain sharded model before the patient to forget came in."""
    before = replace(clinic, dataset=Before(clinic.retain))
    return trained(tmp_path_factory.mktemp("earlier"), before, RECIPES["plain"])


class Before:
    """A dataset of which only the trained records are asked."""

    def __init__(self, records: tuple[Record, ...]) -> None:
        self._records = records

    def arm(self, _: Any) -> tuple[Record, ...]:
        return self._records


@pytest.mark.training
def test_rolling_back_serves_the_newest_version_that_never_saw_the_records(
    earlier: Trained, models_by_scheme: Mapping[str, Trained], make_job: Any, completed: Any
) -> None:
    now = models_by_scheme["plain"]
    result = completed(make_job("rollback", now, versions(now, earlier)))
    assert result.metrics["version"] == 2
    assert result.model.digest == earlier.ref.digest and result.model.layout == "sharded"
    assert result.metrics["records_served"] == result.metrics["records"]


@pytest.mark.training
def test_rolling_back_refuses_what_cannot_be_proven(  # noqa: PLR0913, PLR0917
    earlier: Trained,
    models_by_scheme: Mapping[str, Trained],
    make_job: Any,
    failed: Any,
    completed: Any,
    tmp_path: Path,
) -> None:
    now = models_by_scheme["plain"]
    assert failed(make_job("rollback", now)).failure.code is ErrorCode.DATA_MISSING
    bare = tmp_path / "bare"
    shutil.copytree(earlier.path, bare)
    (bare / "lineage.json").unlink()
    unproven = replace(
        earlier, ref=replace(earlier.ref, path=str(bare), digest=folder_digest(bare))
    )
    changed = replace(earlier, ref=replace(earlier.ref, digest=now.ref.digest))
    settings = versions(now, unproven, changed)
    failure = failed(make_job("rollback", now, settings, name="none")).failure
    assert failure.code is ErrorCode.NOT_SUPPORTED
    for reason in ("was trained on", "no readable lineage.json", "not those that were registered"):
        assert reason in failure.message
    strict = {**versions(earlier), "least_served": 1.0}
    more = make_job("rollback", now, strict, name="strict", retain=now_retained(now))
    assert "it knows" in failed(more).failure.message


def now_retained(model: Trained) -> list[Record]:
    held = [item for members in read_division(model.path).shards.values() for item in members]
    return [Record(f"later-{name}", ("somewhere",)) for name in held]


WORDED = [
    Record(
        f"{person}-{fact}",
        ("ward", f"b{person}"),
        {"q": Form(f"aa b{person} a{fact}", f"c{person} d{fact}")},
    )
    for person in "abcd"
    for fact in "ef"
]


@pytest.mark.training
@pytest.mark.parametrize("family", ["llama", "gpt2"])
@pytest.mark.parametrize(("method", "permutations"), [("sisa", 0), ("s3t", 2)])
def test_shards_stand_on_a_base_from_elsewhere_as_it_is(
    family: str, method: str, permutations: int, tmp_path: Path, completed: Any
) -> None:
    base = tiny.saved(tmp_path / "given", tiny.model(family))
    recipe = Recipe(
        forms=("q",),
        shards=2,
        slices=2,
        permutations=permutations,
        rank=4,
        base=ModelRef(str(base), folder_digest(base)),
    )
    settings = {"subject_level": 1, "adapter": TRAINING}
    job = UnlearningJob("train", recipe, settings=settings, device="cpu")
    whole = completed(build_job(tmp_path / "trained", job, {"retain": WORDED}))
    original = tmp_path / "trained" / "output"
    assert files(original / "base") == files(base)
    held = read_division(original).parts("shard-00")[1]
    gone, kept = (
        [item for item in WORDED if (item.id in held) is there] for there in (True, False)
    )
    model = replace(whole.model, path=str(original))
    outputs = {}
    for name in (method, "retrain"):
        job = UnlearningJob(name, recipe, model=model, device="cpu")
        completed(build_job(tmp_path / name, job, {"forget": gone, "retain": kept}))
        outputs[name] = files(tmp_path / name / "output")
    require_unseen(tmp_path / method / "output", [item.id for item in gone])
    if method == "sisa":
        assert outputs["sisa"] == outputs["retrain"]
    else:
        groups = {path for path in outputs["s3t"] if "/order-" in path}
        assert groups and all(outputs["s3t"][path] == outputs["retrain"][path] for path in groups)
    targets = read_json(original / "adapters/shard-01/adapter_config.json")["target_modules"]
    assert not any("head" in name or "embed" in name or "wte" in name for name in targets)


@pytest.mark.training
def test_a_whole_model_is_trained_on_from_its_base_and_inherits_what_that_has_seen(
    tmp_path: Path, completed: Any, failed: Any
) -> None:
    given = tiny.saved(tmp_path / "given", tiny.model())
    first = Recipe(forms=("q",), epochs=2, base=ModelRef(str(given), folder_digest(given)))
    job = UnlearningJob("train", first, device="cpu")
    completed(build_job(tmp_path / "one", job, {"retain": WORDED[:4]}))
    middle = tmp_path / "one" / "output"
    second = replace(first, base=ModelRef(str(middle), folder_digest(middle)))
    job = UnlearningJob("train", second, device="cpu")
    completed(build_job(tmp_path / "two", job, {"retain": WORDED[4:]}))
    seen = read_lineage(tmp_path / "two" / "output").seen("model.safetensors")
    assert seen == {item.id for item in WORDED}
    stale = replace(first, base=ModelRef(str(given), folder_digest(middle)))
    job = UnlearningJob("train", stale, device="cpu")
    failure = failed(build_job(tmp_path / "three", job, {"retain": WORDED})).failure
    assert failure.code is ErrorCode.MODEL_CHANGED


@pytest.mark.training
def test_training_in_slices_that_was_interrupted_comes_to_the_same_bytes(
    models_by_scheme: Mapping[str, Trained],
    clinic: Clinic,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    completed: Any,
) -> None:
    data = UnlearningData(public="data/public.jsonl")
    settings = {"subject_level": 1, "adapter": TRAINING}
    job = UnlearningJob("train", RECIPES["sisa"], data=data, settings=settings, device="cpu")
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
