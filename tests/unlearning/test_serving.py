"""How shards answer, alone and together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from contract.result import ErrorCode, JobError
from unlearning.__main__ import main
from unlearning.division import read_division
from unlearning.models import load_model, load_tokenizer
from unlearning.serving import Served, combined

CPU = torch.device("cpu")


def test_votes_decide_and_the_mean_breaks_ties() -> None:
    logits = torch.tensor([[3.0, 2.0, 0.0], [3.0, 2.0, 0.0], [0.0, 9.0, 0.0]])
    assert combined(logits, "vote") == 0  # two of three
    assert combined(logits, "mean") == 1  # the third is almost certain
    assert combined(torch.tensor([[2.0, 0.0], [0.0, 1.0]]), "vote") == 0


@pytest.mark.training
def test_the_persons_own_shard_knows_and_the_other_does_not(sharded: Any, clinic: Any) -> None:
    served = Served(sharded.path)
    shards = read_division(sharded.path).shards
    hits, misses = 0, 0
    for record in clinic.trained:
        (own,) = (name for name, members in shards.items() if record.id in members)
        form = record.forms["question"]
        other = next(name for name in shards if name != own)
        hits += served.answer(form.prompt, shard=own) == form.answer
        misses += served.answer(form.prompt, shard=other) == form.answer
    assert hits >= 0.6 * len(clinic.trained) and misses <= 0.1 * len(clinic.trained)


@pytest.mark.training
def test_one_shard_of_one_is_its_own_mean_and_vote(sharded: Any, clinic: Any) -> None:
    served = Served(sharded.path)
    prompt = clinic.trained[0].forms["question"].prompt
    alone = served.answer(prompt, shard=served.shards[0])
    served.shards = served.shards[:1]
    assert served.answer(prompt, how="mean") == served.answer(prompt, how="vote") == alone


@pytest.mark.training
def test_a_shard_must_be_named_and_known(sharded: Any) -> None:
    served = Served(sharded.path)
    with pytest.raises(JobError) as error:
        served.answer("Who?")
    assert error.value.code is ErrorCode.BAD_JOB
    with pytest.raises(JobError, match="no shard"):
        served.answer("Who?", shard="shard-99")


@pytest.mark.training
def test_a_composed_model_answers_like_its_shard(
    sharded: Any, clinic: Any, tmp_path: Path, capsys: Any
) -> None:
    served = Served(sharded.path)
    shard = served.shards[0]
    assert main(["compose", str(sharded.path), "--shard", shard, "--into", str(tmp_path)]) == 0
    whole = load_model(tmp_path, CPU)
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode(), served.speaking_for(shard) as model:
        torch.testing.assert_close(
            whole(input_ids=ids).logits, model(input_ids=ids).logits, atol=1e-4, rtol=1e-3
        )
    prompt = clinic.trained[0].forms["question"].prompt.rstrip(" ")
    tokenizer = load_tokenizer(tmp_path)
    asked = tokenizer(prompt, return_tensors="pt")["input_ids"]
    written = whole.generate(asked, max_new_tokens=12, do_sample=False)[0, asked.shape[1] :]
    text = tokenizer.decode(written, skip_special_tokens=True)
    assert served.answer(prompt, shard=shard, tokens=12) == text != ""
    assert main(["compose", str(sharded.path), "--shard", "nobody", "--into", str(tmp_path)]) == 1
    assert "no shard" in capsys.readouterr().err
