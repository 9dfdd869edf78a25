from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from contract.canonical import read_json
from contract.record import Record
from contract.result import ErrorCode, JobError
from unlearning import adapters, division, models
from unlearning.data import encode
from unlearning.reference import mean_nll

CPU = torch.device("cpu")


def patients(count: int, facts: int) -> list[Record]:
    return [
        Record(f"{person}-{fact}", ("clinic", f"patient {person}", f"study {fact}"))
        for person in range(count)
        for fact in range(facts)
    ]


def test_a_persons_records_stay_in_one_shard() -> None:
    shards = division.assign(patients(7, 3), 3, level=1, seed=0)
    homes = [{item.split("-")[0] for item in members} for members in shards.values()]
    assert sum(len(home) for home in homes) == 7
    assert max(len(home) for home in homes) - min(len(home) for home in homes) <= 1


def test_every_record_is_in_exactly_one_shard() -> None:
    records = patients(5, 2)
    shards = division.assign(records, 2, level=1, seed=3)
    members = [item for ids in shards.values() for item in ids]
    assert sorted(members) == sorted(record.id for record in records)


def test_an_emptied_shard_keeps_its_name() -> None:
    shards = {"shard-00": ("a", "b"), "shard-01": ("c",)}
    assert division.without(shards, ["c"]) == {"shard-00": ("a", "b"), "shard-01": ()}
    assert division.affected(shards, ["c", "z"]) == ("shard-01",)


def test_base_and_adapter_together_know_what_the_base_alone_does_not(
    sharded: Any, clinic: Any
) -> None:
    tokenizer = models.load_tokenizer(sharded.path / adapters.BASE)
    base = models.load_model(sharded.path / adapters.BASE, CPU)
    for shard, members in division.read_shards(sharded.path).items():
        own = [record for record in clinic.trained if record.id in members]
        samples = encode(tokenizer, own, sharded.recipe.forms)
        composed = adapters.compose(sharded.path, shard, CPU)
        assert max(mean_nll(composed, samples, CPU)) < 1.0
        assert sum(mean_nll(base, samples, CPU)) / len(samples) > 2.0


def test_an_adapter_names_its_base_relatively(sharded: Any) -> None:
    for config in sharded.path.glob("adapters/*/adapter_config.json"):
        assert read_json(config)["base_model_name_or_path"] == "../../base"


def test_a_sharded_model_without_its_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError) as error:
        division.read_shards(tmp_path)
    assert error.value.code is ErrorCode.MODEL_MISSING
