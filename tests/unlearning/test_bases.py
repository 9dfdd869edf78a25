"""Training on from a base from elsewhere: shards on it, or the whole of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.canonical import read_json
from contract.job import ModelRef, Recipe, UnlearningJob
from contract.manifest import folder_digest
from contract.record import Form, Record
from contract.result import ErrorCode
from tests.unlearning.conftest import BRIEF, build_job, files
from tests.verification import tiny
from unlearning.division import read_division
from unlearning.lineage import read_lineage, require_unseen

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
    settings = {"subject_level": 1, "adapter": BRIEF}
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
