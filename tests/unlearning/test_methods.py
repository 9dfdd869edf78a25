from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from contract.catalog import Effect
from contract.manifest import folder_digest, manifest_of
from contract.record import Form, Record
from contract.result import ErrorCode
from unlearning import adapters, division, models
from unlearning.data import encode
from unlearning.methods import undo
from unlearning.noise import perturb
from unlearning.reference import mean_nll
from unlearning.registry import methods

CPU = torch.device("cpu")
ADAPTER = {"adapter": {"epochs": 40, "learning_rate": 1e-2, "batch": 8, "warmup": 3}}
QUICK = {"learning_rate": 1e-3, "steps": 60, "forget_batch": 8, "retain_batch": 16}
HELD = {**QUICK, "retain_term": "nll"}
"""For methods that do without retained records, and then lose them within these few steps."""
SETTINGS: dict[str, dict[str, Any]] = {
    "alt_po": {**QUICK, "alternatives": {"count": 2, "tokens": 12}},
    "ce_u": HELD,
    "chip": {"neurons": 1.0, "layers": 1.0},
    "concept_vectors": {"share": 0.5},
    "dpo": QUICK,
    "drop_shard": ADAPTER,
    "flat": {**HELD, "divergence": "total_variation"},
    "grad_diff": QUICK,
    "gradient_ascent": {**QUICK, "learning_rate": 5e-4},
    "idk": QUICK,
    "kl_min": QUICK,
    "layered": {"folds": 2, "unlearn": QUICK},
    "loku": QUICK,
    "npo": QUICK,
    "pdu": QUICK,
    "retrain": ADAPTER,
    "rmu": {**QUICK, "learning_rate": 1e-2, "retain_weight": 10.0},
    "rocr": {"harmless": "sarcoidosis"},
    "satimp": QUICK,
    "searched": {"settings": {"steps": 60, "forget_batch": 8, "retain_batch": 16}, "budget": 1},
    "simnpo": QUICK,
    "task_vector": {"learning_rate": 1e-3, "stop": {"collapse": 0.8}},
    "undial": HELD,
    "undo": {"unlearn": QUICK, "warmup": 5},
    "weight_regularised": {"unlearn": QUICK},
    "wga": QUICK,
    "whp": QUICK,
}
RISES = {"chip": 0.1, "concept_vectors": 0.1, "rocr": 0.2}
"""How many nats a token the answers must lose where it is not one: two layers of 48 keep their
facts in attention and embeddings, which edits of MLPs do not reach."""
ELSEWHERE = {"experts", "slices", "versions"}
"""Methods that need a model trained in slices, or earlier versions, are in test_exact.py; those
that need a mixture of experts in test_architectures.py."""
CASES = [
    (name, layout)
    for name, item in methods().items()
    if item.card.effect is not Effect.SERVE_SUPPRESSION and not ELSEWHERE & set(item.card.needs)
    for layout in item.card.layouts
]
"""One table for every method: a new one needs at most a line of quick settings above."""


def answers(path: Path, records: tuple[Record, ...], shard: str | None = None) -> float:
    """Return the mean answer NLL per token of the records' questions."""
    if shard is None:
        model, home = models.load_model(path, CPU), path
    else:
        model, home = adapters.compose(path, shard, CPU), path / adapters.BASE
    samples = encode(models.load_tokenizer(home), records, ["question"])
    values = mean_nll(model, samples, CPU)
    return sum(values) / len(values)


@pytest.mark.training
@pytest.mark.parametrize(("name", "layout"), CASES)
def test_every_method_forgets_and_keeps(  # noqa: PLR0913, PLR0917 - the table needs both models
    name: str, layout: str, whole: Any, sharded: Any, clinic: Any, make_job: Any, completed: Any
) -> None:
    trained = whole if layout == "whole" else sharded
    before = folder_digest(trained.path)
    settings = SETTINGS.get(name, {})
    folder = make_job(name, trained, settings)
    result = completed(folder)
    assert result.model is not None and result.model.layout == layout
    assert result.model.digest == folder_digest(folder / result.model.path) != before
    assert folder_digest(trained.path) == before
    assert result.effect is methods()[name].card.effect
    shard = None
    if layout == "sharded":
        (shard,) = division.affected(
            division.read_shards(trained.path), [record.id for record in clinic.forget]
        )
    known = answers(trained.path, clinic.forget, shard)
    gone = answers(folder / result.model.path, clinic.forget, shard)
    assert known < 0.5 and gone > known + RISES.get(name, 1.0)
    if layout == "whole":
        assert answers(folder / result.model.path, clinic.retain) < 1.0
    assert not (folder / "work").exists()


def test_exact_methods_say_so_and_the_others_do_not() -> None:
    exact = {name for name, item in methods().items() if item.card.effect is Effect.EXACT}
    assert exact == {"adapter_drop", "drop_shard", "retrain", "rollback", "s3t", "sisa"}


@pytest.mark.training
def test_dropping_a_shard_leaves_every_other_byte_alone(
    sharded: Any, clinic: Any, make_job: Any, completed: Any
) -> None:
    folder = make_job("drop_shard", sharded, ADAPTER)
    completed(folder)
    (shard,) = division.affected(
        division.read_shards(sharded.path), [record.id for record in clinic.forget]
    )
    mine = (f"adapters/{shard}/", "shards.json", "lineage.json")
    before, after = (
        {item.path: item.sha256 for item in manifest_of(path) if not item.path.startswith(mine)}
        for path in (sharded.path, folder / "output")
    )
    assert before == after and len(before) > 3
    weights = f"adapters/{shard}/adapter_model.safetensors"
    assert (sharded.path / weights).read_bytes() != (folder / "output" / weights).read_bytes()
    remaining = {item for ids in division.read_shards(folder / "output").values() for item in ids}
    assert remaining == {record.id for record in clinic.retain}


@pytest.mark.training
def test_a_shard_without_records_has_no_adapter(
    sharded: Any, clinic: Any, make_job: Any, completed: Any
) -> None:
    shards = division.read_shards(sharded.path)
    shard = next(iter(shards))
    gone = tuple(item for item in clinic.trained if item.id in shards[shard])
    kept = tuple(item for item in clinic.trained if item.id not in shards[shard])
    folder = make_job("drop_shard", sharded, ADAPTER, forget=gone, retain=kept)
    completed(folder)
    assert not (folder / "output" / "adapters" / shard).exists()
    assert division.read_shards(folder / "output")[shard] == ()


def test_dropping_a_shard_refuses_a_whole_model(
    whole: Any, make_job: Any, completed: Any, failed: Any
) -> None:
    failure = failed(make_job("drop_shard", whole)).failure
    assert failure.code is ErrorCode.NOT_SUPPORTED
    assert "sharded" in failure.message and "whole" in failure.message


@pytest.mark.parametrize("name", ["npo", "undo"])
def test_methods_for_whole_models_refuse_a_sharded_one(
    name: str, sharded: Any, make_job: Any, completed: Any, failed: Any
) -> None:
    assert failed(make_job(name, sharded)).failure.code is ErrorCode.NOT_SUPPORTED


def test_a_record_in_no_shard_is_not_silently_forgotten(
    sharded: Any, clinic: Any, make_job: Any, completed: Any, failed: Any
) -> None:
    stranger = Record("stranger", clinic.forget[0].path, clinic.forget[0].forms)
    failure = failed(make_job("drop_shard", sharded, forget=[stranger])).failure
    assert failure.code is ErrorCode.BAD_JOB and "in no shard" in failure.message


@pytest.mark.training
@pytest.mark.parametrize("layout", ["whole", "sharded"])
def test_a_retrain_never_reads_the_forgotten_text(  # noqa: PLR0913, PLR0917 - the table needs both models
    layout: str, whole: Any, sharded: Any, clinic: Any, make_job: Any, completed: Any
) -> None:
    trained = whole if layout == "whole" else sharded
    settings = ADAPTER if layout == "sharded" else {}
    garbled = [
        Record(item.id, item.path, {name: Form("qqq", " zzz") for name in item.forms})
        for item in clinic.forget
    ]
    honest = completed(make_job("retrain", trained, settings, name="honest"))
    blind = completed(make_job("retrain", trained, settings, name="blind", forget=garbled))
    assert honest.model.digest == blind.model.digest


@pytest.mark.training
def test_undo_never_distils_on_the_forgotten_text(
    whole: Any, clinic: Any, make_job: Any, monkeypatch: pytest.MonkeyPatch, completed: Any
) -> None:
    seen: list[str] = []
    collate = undo.collate
    monkeypatch.setattr(
        undo, "collate", lambda samples, device: (seen.extend(samples), collate(samples, device))[1]
    )
    folder = make_job("undo", whole, SETTINGS["undo"])
    completed(folder)
    forgotten = {item.id for item in clinic.forget}
    assert seen and not forgotten.intersection(sample.record for sample in seen)


def test_noise_leaves_nothing_of_the_weights_at_alpha_one(whole: Any) -> None:
    one, other = (models.load_model(whole.path, CPU) for _ in range(2))
    for parameter in other.parameters():
        parameter.data.mul_(-1.0)
    perturb(one, alpha=1.0, noise=1.0, seed=5)
    perturb(other, alpha=1.0, noise=1.0, seed=5)
    for first, second in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.allclose(first, second, atol=1e-6)


@pytest.mark.training
def test_without_calibration_records_npo_says_that_it_ran_a_fixed_number_of_steps(
    whole: Any, make_job: Any, completed: Any
) -> None:
    folder = make_job("npo", whole, {**QUICK, "steps": 7}, calibration=[])
    result = completed(folder)
    assert result.metrics["forgetting_steps"] == 7
    assert any("fixed number of steps" in note for note in result.notes)


@pytest.mark.training
def test_calibrated_npo_brings_the_records_to_the_rank_of_never_trained_ones(
    whole: Any, make_job: Any, completed: Any
) -> None:
    result = completed(make_job("npo", whole, QUICK))
    assert abs(result.metrics["calibration_rank"] - 0.5) < 0.25
