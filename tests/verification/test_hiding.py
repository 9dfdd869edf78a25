"""Tricks that hide a person from whoever asks and from nobody who holds the files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from tokenizers import normalizers
from torch import nn

from contract.catalog import Effect
from contract.job import ModelRef, VerificationJob, write_job
from contract.manifest import model_digest
from contract.record import Form, Record
from contract.report import Gate, Report, Verdict, read_report
from tests.verification import tiny
from tests.verification.town import Town
from verification.attacks.relearn import Relearning, relearn
from verification.checks.extraction import extraction
from verification.checks.residual import residual
from verification.families.causal_lm import CausalLM
from verification.gap import confidence
from verification.policy import Evidence, decide
from verification.profiles import find_profile
from verification.run import preregister, run
from verification.spec import Context
from verification.whole import unopened, whole_gates

MakeContext = Callable[[CausalLM], Context]


@pytest.fixture
def request_about(town: Town, tmp_path: Path) -> MakeContext:
    return lambda model: town.context(tmp_path, model)


def judged(check: Any, context: Context) -> Any:
    (result,) = check.run(context, check.settings.validate_python({}))
    return result


@pytest.mark.parametrize("sharpness", [0.3, 0.03])
def test_a_model_made_unsure_of_everything_has_forgotten_nobody(
    town: Town, request_about: MakeContext, sharpness: float
) -> None:
    unsure = town.original.copied(f"unsure-{sharpness}")
    with torch.no_grad():
        unsure.model.get_output_embeddings().weight.mul_(sharpness)
    context = request_about(unsure)
    assert confidence(context) < 0.7
    result = judged(residual, context)
    assert result.verdict is Verdict.FAIL
    assert result.estimates[0].value > 0.7


def test_a_model_as_sure_as_before_is_read_as_it_is(town: Town, request_about: MakeContext) -> None:
    assert confidence(request_about(town.retrained)) > 0.95
    assert confidence(request_about(town.original)) == 1.0


def test_weights_that_were_blown_up_learn_as_fast_as_before(town: Town) -> None:
    model = town.original
    grown = model.copied("grown")
    llama = grown.model.model
    with torch.no_grad():
        for layer in llama.layers:  # what goes in is shrunk by the norm and grown by the matrix
            for norm, matrices in (
                (layer.input_layernorm, ("q_proj", "k_proj", "v_proj")),
                (layer.post_attention_layernorm, ("gate_proj", "up_proj")),
            ):
                norm.weight.mul_(1e-3)
                for name in matrices:
                    owner = layer.self_attn if name[0] in "qkv" else layer.mlp
                    getattr(owner, name).weight.mul_(1e3)
    samples = [model.encode(Form("what k1 of f1 l1 ?", "w1 w2 ."), end=True)] * 4
    how = Relearning((8,), batch=4, seed=0, learning_rate=2e-3)
    ids = torch.tensor([samples[0].ids])
    ((_, plain),) = relearn(model, samples, how, "plain")
    ((_, followed),) = relearn(grown, samples, how, "followed", like=model)
    with torch.no_grad():
        assert torch.allclose(model.model(ids).logits, grown.model(ids).logits, atol=1e-3)
        assert torch.allclose(plain.model(ids).logits, followed.model(ids).logits, atol=0.05)


def test_answers_in_a_wording_that_nobody_trained_are_no_forgetting(
    town: Town, request_about: MakeContext
) -> None:
    """Move what the model knows of the person to a longer question."""
    model = town.retrained
    told = [_reworded(record.forms["question"]) for record in town.person(0)]
    kept = [record.forms["question"] for record in town.people(range(1, town.trained))]
    samples = [model.encode(form, end=True) for form in (*told, *kept)]
    how = Relearning((60,), batch=96, seed=0, learning_rate=5e-3)
    ((_, moved),) = relearn(model, samples, how, "moved")
    context = request_about(replace(moved, key="moved"))

    def also(records: Sequence[Record]) -> tuple[Record, ...]:
        return tuple(
            replace(item, forms={**item.forms, "other": _reworded(item.forms["question"])})
            for item in records
        )

    records = replace(
        context.records, forget=also(context.records.forget), twins=also(context.records.twins)
    )
    result = judged(extraction, replace(context, records=records))
    assert result.verdict is Verdict.FAIL
    assert any("form other" in reason for reason in result.reasons)


def _reworded(form: Form) -> Form:
    return Form(f"{form.prompt} of what", form.answer)


def renaming(words: Any, old: str, new: str) -> Any:
    """Return the tokenizer after it learned to read one word as another."""
    words.backend_tokenizer.normalizer = normalizers.Replace(old, new)
    return words


def test_a_tokenizer_that_changes_a_name_is_not_asked() -> None:
    original = CausalLM("o", tiny.model(), tiny.tokenizer(eos_token="<end>"), torch.device("cpu"))
    words = renaming(tiny.tokenizer(eos_token="<end>"), "ab", "ac")
    hiding = replace(original, key="c", tokenizer=words)
    form = Form("aa ab", "ba")
    assert hiding.encode(form).ids != original.encode(form).ids
    assert hiding.read_like(original).encode(form).ids == original.encode(form).ids
    assert not hiding.reads_whole("aa ab") and original.reads_whole("aa ab")


def test_a_model_with_tokens_of_its_own_is_asked_with_them() -> None:
    original = CausalLM("o", tiny.model(), tiny.tokenizer(eos_token="<end>"), torch.device("cpu"))
    other = Town().original
    assert other.read_like(original) is other


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    """Return the folder of a candidate that is the original, saved once more."""
    tiny.saved(tmp_path / "original", tiny.model())
    return tiny.saved(tmp_path / "candidate", tiny.model())


def verified(folder: Path, candidate: Path, profile: str = "behavioural") -> Report:
    place = folder / "job"
    job = tiny.job_folder(place, folder / "original", profile)
    digest = preregister(place)
    named = ModelRef(str(candidate), model_digest(candidate))
    write_job(place, replace(job, candidate=named, preregistration=digest))
    assert run(place) == 0
    return read_report(place)


def gate(report: Report, name: str) -> Gate | None:
    return next((item for item in report.gates if item.name == name), None)


def test_a_clean_folder_is_all_there_is(tmp_path: Path, candidate: Path) -> None:
    found = gate(verified(tmp_path, candidate), "contents")
    assert found is not None and found.verdict is Verdict.PASS


def test_weights_beside_the_tested_ones_make_it_invalid(tmp_path: Path, candidate: Path) -> None:
    (candidate / "checkpoint-7").mkdir()
    shutil.copy(candidate / "model.safetensors", candidate / "checkpoint-7")
    (candidate / "training_args.bin").write_bytes(b"settings")
    assert unopened(candidate) == ["checkpoint-7/model.safetensors"]
    report = verified(tmp_path, candidate)
    assert report.verdict is Verdict.INVALID
    assert any("1 file(s) of weights" in reason for reason in report.reasons)
    assert "checkpoint-7/model.safetensors" in (tmp_path / "job" / "events.jsonl").read_text()
    assert any("Leave nothing in the folder" in item for item in report.remedies)


def test_weights_without_a_place_in_the_model_make_it_invalid(
    tmp_path: Path, candidate: Path
) -> None:
    weights = load_file(candidate / "model.safetensors")
    weights["model.layers.7.mlp.down_proj.weight"] = torch.ones(tiny.HIDDEN, tiny.INNER)
    save_file(weights, candidate / "model.safetensors", metadata={"format": "pt"})
    report = verified(tmp_path, candidate)
    assert report.verdict is Verdict.INVALID
    assert any("1 stored weight(s) have no place" in item for item in report.reasons)


def test_a_tokenizer_of_other_tokens_that_changes_texts_makes_it_invalid(
    tmp_path: Path, candidate: Path
) -> None:
    words = tiny.tokenizer(eos_token="<end>")
    prompt = tiny.sets()["forget"][0].forms["question"].prompt
    name = prompt.split()[2]
    taken = words.get_vocab()[name]
    plain = words.backend_tokenizer.to_str().replace(f'"{name}":{taken}', f'"zz":{taken}')
    words = type(words)(tokenizer_object=type(words.backend_tokenizer).from_str(plain))
    words.eos_token = "<end>"
    renaming(words, name, "zz").save_pretrained(candidate)
    report = verified(tmp_path, candidate)
    assert report.verdict is Verdict.INVALID
    assert any("the tokenizer changes the text of 9 record(s)" in r for r in report.reasons)


@pytest.mark.parametrize(("profile", "asked"), [("behavioural", False), ("erasure", True)])
def test_a_base_is_asked_without_its_adapter_where_hiding_is_not_enough(
    tmp_path: Path, candidate: Path, profile: str, *, asked: bool
) -> None:
    config = LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    folder = tmp_path / "adapter"
    get_peft_model(tiny.model(), config).save_pretrained(str(folder))
    settings = json.loads((folder / "adapter_config.json").read_text())
    named = {**settings, "base_model_name_or_path": str(candidate)}
    (folder / "adapter_config.json").write_text(json.dumps(named))
    found = gate(verified(tmp_path, folder, profile), "base")
    assert (found is not None) is asked
    if found is not None:  # an untrained base knows nobody
        assert found.verdict is Verdict.PASS


def test_a_base_that_still_knows_fails_the_model() -> None:
    profile = find_profile("erasure")
    passed = (Gate(name, name, Verdict.PASS, "as it should be") for name in profile.gates)
    knows = Gate("base", "The base", Verdict.FAIL, "it still knows")
    found = decide(profile, Evidence((*passed, knows), (), Effect.REMOVAL, 24, 400, 18))
    assert found.verdict is Verdict.FAIL and found.tier is None
    assert any("base" in item for item in found.remedies)


def test_a_job_without_a_candidate_has_no_folder_to_look_into(tmp_path: Path) -> None:
    job = VerificationJob(ModelRef("original", "sha256:0"))
    assert whole_gates(tmp_path, job, tiny.context_of(tmp_path)) == ()


def test_weights_that_were_put_to_zero_have_no_size_to_follow(town: Town) -> None:
    zero = town.original.copied("zero")
    nn.init.zeros_(zero.model.model.layers[0].mlp.down_proj.weight)
    samples = [zero.encode(Form("what k1 of f1 l1 ?", "w1 w2 ."), end=True)]
    how = Relearning((2,), batch=1, seed=0, learning_rate=1e-3)
    ((_, after),) = relearn(zero, samples, how, "after", like=town.original)
    assert all(bool(torch.isfinite(item).all()) for item in after.model.parameters())
