"""Every class of causal language model is read, asked and taken apart alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tokenizers import processors

from contract.record import Form
from contract.result import ErrorCode, JobError
from tests.verification import tiny
from tests.verification.tiny import FAMILIES
from verification.families.causal_lm import CausalLM, load
from verification.signals import Signals

CPU = torch.device("cpu")
FORM = Form("aa ab", "ba bc bd")


def made(family: str) -> CausalLM:
    return CausalLM(family, tiny.model(family), tiny.tokenizer(eos_token="<end>"), CPU)


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_are_scored_as_the_whole_model_scores_them(family: str) -> None:
    model = made(family)
    encoded = model.encode(FORM)
    with torch.inference_mode():
        logits = model.model(torch.tensor([encoded.ids])).logits[0, encoded.start - 1 : -1]
    own = torch.log_softmax(logits, -1)[range(3), list(encoded.answer)]
    # Beside a longer sample, so that padding and batching are part of it.
    longer = Form("aa ab ac ad ae af", "ba bb bc bd be")
    signal = Signals().ask(model, {"short": FORM, "long": longer})["short"]
    torch.testing.assert_close(torch.tensor(signal.log_probs).float(), own, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_written_is_what_the_model_finds_likeliest(family: str) -> None:
    model = made(family)
    prompts = {"short": "aa ab", "long": "aa ab ac ad ae af ag"}
    texts = Signals().write(model, prompts, tokens=4)
    for name, prompt in prompts.items():
        ids = list(model.encode_prompt(prompt).ids)
        for _ in range(4):
            with torch.inference_mode():
                ids.append(int(model.model(torch.tensor([ids])).logits[0, -1].argmax()))
            if ids[-1] == model.tokenizer.eos_token_id:
                break
        assert texts[name] == model.decode(ids[len(model.encode_prompt(prompt).ids) :])


@pytest.mark.parametrize("family", FAMILIES)
def test_taking_all_value_vectors_out_silences_the_mlps(family: str) -> None:
    model = made(family).copied("ablated")
    matrices = model.value_matrices()
    experts = tiny.EXPERTS if family in {"mixtral", "qwen2_moe", "qwen3_moe"} else 0
    shared = family == "qwen2_moe"
    assert len(matrices) == tiny.LAYERS * ((experts + shared) if experts else 1)
    assert {tuple(matrix.shape) for matrix in matrices.values()} == {(tiny.INNER, tiny.HIDDEN)}
    with torch.no_grad():
        for matrix in matrices.values():
            matrix.zero_()
    with torch.inference_mode():
        ids = torch.tensor([model.encode(FORM).ids])
        one = model.model(ids).logits
        for name, parameter in model.model.named_parameters():
            if any(part in name for part in ("gate_proj", "up_proj", "c_fc", "fc1", "h_to_4h")):
                parameter.mul_(3.0)
        two = model.model(ids).logits
    # What the first layers of the MLPs compute no longer reaches the residual stream.
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize("family", FAMILIES)
def test_promoted_tokens_are_those_of_the_output_head(family: str) -> None:
    model = made(family)
    vector = model.model.get_output_embeddings().weight[10].detach()
    logits = model.model.get_output_embeddings().weight @ vector
    expected = {model.tokenizer.convert_ids_to_tokens(int(i)) for i in logits.topk(3).indices}
    assert model.top_tokens(vector[None], 3) == [frozenset(expected)]


def test_a_tokenizer_without_special_tokens_is_enough(tmp_path: Path) -> None:
    saved = tiny.saved(tmp_path / "bare", tiny.model(), tiny.tokenizer(unk_token="<unknown>"))
    model = load(saved, key="bare")
    assert model.tokenizer.eos_token is None
    assert model.encode(FORM, end=True) == model.encode(FORM)
    nothing_before = model.encode(Form("", "ba bc bd"))
    assert (len(nothing_before.ids), nothing_before.start) == (3, 1)
    signals = Signals()
    assert len(signals.ask(model, {0: FORM})[0].log_probs) == 3
    assert len(signals.write(model, {0: "aa", 1: ""}, tokens=5)) == 2


def test_what_the_tokenizer_puts_before_every_text_stands_before_the_prompt() -> None:
    words = tiny.tokenizer(eos_token="<end>", bos_token="<start>")
    words.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", 0)]
    )
    model = CausalLM("opened", tiny.model(), words, CPU)
    plain = made("llama").encode(FORM)
    assert model.encode(FORM).ids == (1, *plain.ids)
    assert model.encode(FORM).answer == plain.answer


def test_a_prompt_longer_than_the_context_loses_its_beginning() -> None:
    model, signals = made("gpt2"), Signals()
    long = Form(" ".join(["aa", "ab"] * 40), "ba bc")
    encoded = model.encode(long)
    assert len(encoded.ids) == model.context == 64
    assert encoded.cut == 82 - 64 and len(encoded.answer) == 2
    signals.ask(model, {0: long})
    signals.write(model, {0: long.prompt})
    assert signals.cut == 2


def test_an_answer_longer_than_the_context_is_refused_with_a_sentence() -> None:
    with pytest.raises(JobError, match="context of 64 tokens") as refused:
        made("gpt2").encode(Form("aa", " ".join(["ab"] * 64)))
    assert refused.value.code is ErrorCode.NOT_SUPPORTED


def test_filters_in_the_generation_settings_play_no_part(tmp_path: Path) -> None:
    plain = tiny.loaded(tmp_path)
    written = plain.continued([plain.encode_prompt("aa ab").ids], 4)
    settings = tmp_path / "llama" / "generation_config.json"
    filters = {"suppress_tokens": sorted(set(written[0])), "repetition_penalty": 3.0}
    settings.write_text(json.dumps({**json.loads(settings.read_text()), **filters}))
    filtered = load(tmp_path / "llama", key="filtered")
    assert filtered.continued([filtered.encode_prompt("aa ab").ids], 4) == written
