"""Every way in which a model folder may be stored is read for what it is, or refused in words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from contract.manifest import folder_digest, model_digest
from contract.record import Form
from contract.result import ErrorCode, JobError
from tests.verification import tiny
from verification.families.causal_lm import CausalLM, load
from verification.signals import Signals

FORM = Form("aa ab", "ba bc bd")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.saved(tmp_path_factory.mktemp("loading") / "base", tiny.model())


def adapter(base: Path, target: Path, named: str) -> Path:
    """Save an adapter that changes the answers, naming its base as given."""
    config = LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    torch.manual_seed(0)
    model = get_peft_model(tiny.model(), config)
    model.save_pretrained(str(target))
    settings = json.loads((target / "adapter_config.json").read_text())
    (target / "adapter_config.json").write_text(
        json.dumps({**settings, "base_model_name_or_path": named})
    )
    return target


def log_probs(model: CausalLM) -> torch.Tensor:
    return torch.tensor(Signals().ask(model, {0: FORM})[0].log_probs)


@pytest.mark.parametrize("named", ["../base", "absolute"])
def test_an_adapter_is_read_with_the_base_it_names(base: Path, tmp_path: Path, named: str) -> None:
    shutil.copytree(base, tmp_path / "base")
    where = str(tmp_path / "base") if named == "absolute" else named
    folder = adapter(base, tmp_path / "adapter", where)
    model = load(folder, key="adapted")
    peft = PeftModel.from_pretrained(tiny.model(), folder).eval()
    expected = CausalLM("peft", peft, model.tokenizer, torch.device("cpu"))
    torch.testing.assert_close(log_probs(model), log_probs(expected), atol=1e-5, rtol=1e-5)
    assert (log_probs(model) - log_probs(load(base, key="base"))).abs().max() > 1e-3
    assert all(item.requires_grad for item in model.model.parameters())


def test_the_digest_of_an_adapter_covers_its_base(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "base")
    folder = adapter(base, tmp_path / "adapter", "../base")
    before = model_digest(folder)
    assert before != folder_digest(folder)
    assert model_digest(base) == folder_digest(base)
    (tmp_path / "base" / "config.json").write_text("{}")
    assert model_digest(folder) != before


def test_an_adapter_on_a_base_that_is_not_here_is_refused(base: Path, tmp_path: Path) -> None:
    folder = adapter(base, tmp_path / "adapter", "somebody/some-model")
    with pytest.raises(JobError, match="names no local base") as refused:
        load(folder, key="adapted")
    assert refused.value.code is ErrorCode.MODEL_MISSING


def test_sharded_weights_are_put_together_and_a_lost_shard_is_noticed(
    base: Path, tmp_path: Path
) -> None:
    made = tiny.model()
    made.save_pretrained(tmp_path, max_shard_size="20KB")
    tiny.tokenizer(eos_token="<end>").save_pretrained(tmp_path)
    shards = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 2
    one, two = log_probs(load(tmp_path, key="shards")), log_probs(load(base, key="whole"))
    assert torch.equal(one, two)
    shards[0].unlink()
    with pytest.raises(JobError) as refused:
        load(tmp_path, key="shards")
    assert refused.value.code is ErrorCode.MODEL_MISSING


def test_a_shard_whose_adapter_was_dropped_is_the_base_and_an_unlisted_one_is_refused(
    base: Path, tmp_path: Path
) -> None:
    shutil.copytree(base, tmp_path / "base")
    adapter(base, tmp_path / "adapters" / "one", "../../base")
    (tmp_path / "shards.json").write_text(json.dumps({"shards": {"one": ["a"], "two": ["b"]}}))
    plain = log_probs(load(base, key="plain"))
    assert torch.equal(log_probs(load(tmp_path, key="two", shard="two")), plain)
    assert not torch.equal(log_probs(load(tmp_path, key="one", shard="one")), plain)
    with pytest.raises(JobError):
        load(tmp_path, key="three", shard="three")


def test_a_folder_that_lacks_a_weight_is_never_filled_up(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "less")
    weights = load_file(tmp_path / "less/model.safetensors")
    del weights["model.layers.1.mlp.down_proj.weight"]
    save_file(weights, tmp_path / "less/model.safetensors", metadata={"format": "pt"})
    with pytest.raises(JobError, match="lacks weights"):
        load(tmp_path / "less", key="less")


def test_half_precision_is_kept_and_its_log_probabilities_are_made_in_full(
    base: Path, tmp_path: Path
) -> None:
    folder = tiny.saved(tmp_path / "half", tiny.model().to(torch.bfloat16))
    model = load(folder, key="half")
    assert {item.dtype for item in model.model.parameters()} == {torch.bfloat16}
    signal = Signals().ask(model, {0: FORM})[0]
    ids = torch.tensor([model.encode(FORM).ids])
    with torch.inference_mode():
        logits = model.model(ids).logits[0, model.encode(FORM).start - 1 : -1].float()
    own = torch.log_softmax(logits, -1)[range(3), list(model.encode(FORM).answer)]
    torch.testing.assert_close(torch.tensor(signal.log_probs).float(), own, atol=2e-3, rtol=0)


@pytest.mark.parametrize("bits", [4, 8])
def test_quantised_weights_are_read_as_the_numbers_they_stand_for(
    base: Path, tmp_path: Path, bits: int
) -> None:
    pytest.importorskip("bitsandbytes")
    how: dict[str, Any] = {"load_in_8bit": True}
    if bits == 4:
        how = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    stored = AutoModelForCausalLM.from_pretrained(
        base, quantization_config=BitsAndBytesConfig(**how), dtype=torch.float32
    )
    folder = tiny.saved(tmp_path / "few", stored)
    model = load(folder, key="few")
    weight = model.model.model.layers[0].mlp.down_proj.weight
    original = tiny.model().model.layers[0].mlp.down_proj.weight
    assert weight.is_floating_point() and weight.requires_grad
    error = float(((weight - original).abs().max() / original.abs().max()).detach())
    assert 1e-4 < error < (0.6 if bits == 4 else 0.1)
    assert len(torch.unique(weight[0, :32])) <= (16 if bits == 4 else 255)
    assert model.value_matrices() and torch.isfinite(log_probs(model)).all()
    Signals().attribution(model, tiny.people(0, 1), ("question",))


def test_weights_in_a_format_that_is_not_installed_are_refused_in_words(
    base: Path, tmp_path: Path
) -> None:
    shutil.copytree(base, tmp_path / "packed")
    config = json.loads((tmp_path / "packed/config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4, "group_size": 32}
    (tmp_path / "packed/config.json").write_text(json.dumps(config))
    with pytest.raises(JobError, match="gptq") as refused:
        load(tmp_path / "packed", key="packed")
    assert refused.value.code is ErrorCode.NOT_SUPPORTED
