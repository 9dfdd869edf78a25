"""The inside of models of every family, and the arithmetic of what is read off it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from contract.record import Form, Record
from tests.verification.white_box import tokeniser
from verification.attacks.noise_vectors import noise_vectors
from verification.checks.cka import linear_cka
from verification.checks.connectivity import barrier
from verification.checks.patching import Levels
from verification.families.causal_lm import CausalLM
from verification.signals import Signals
from verification.signals.anatomy import UnknownAnatomyError
from verification.signals.hidden import inside
from verification.signals.patching import Graft, misfit, patched
from verification.weights import changes, interpolated, same_parameters, total

WORDS = tokeniser(["who", "is", "Ada", ":", "a", "b", "c", "d", "e", "f", "g"])
RECORDS = (
    Record("one", ("Ada",), {"question": Form("who is Ada :", "a b c", ("d e", "a f"))}),
    Record("two", ("Ada",), {"question": Form("who is :", "g")}),
)
SMALL = {
    "vocab_size": 16,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 32,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
MIXTURE = {"num_experts": 3, "num_experts_per_tok": 2, "moe_intermediate_size": 8}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", SMALL),
    "qwen": ("Qwen3Config", {**SMALL, "head_dim": 8}),
    "gpt2": (
        "GPT2Config",
        {"vocab_size": 16, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32},
    ),
    "phi": ("PhiConfig", SMALL),
    "gemma": ("Gemma2Config", {**SMALL, "head_dim": 8}),
    "mixtral": ("MixtralConfig", {**SMALL, "num_local_experts": 3, "num_experts_per_tok": 2}),
    "qwen-moe": (
        "Qwen2MoeConfig",
        {**SMALL, **MIXTURE, "shared_expert_intermediate_size": 8},
    ),
}


def model(name: str, seed: int = 0) -> CausalLM:
    config, settings = FAMILIES[name]
    torch.manual_seed(seed)
    made = transformers.AutoModelForCausalLM.from_config(getattr(transformers, config)(**settings))
    return CausalLM(f"{name}-{seed}", made.eval(), WORDS, torch.device("cpu"))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_last_layer_through_the_lens_is_the_models_own_answer(name: str) -> None:
    one, signals = model(name), Signals()
    found = inside(signals, one, RECORDS, ("question",))
    plain = signals.scores(one, RECORDS, ("question",))
    for probe, item in found.items():
        assert item.states.shape == (3, len(item.tokens), 16)
        np.testing.assert_allclose(item.log_probs[-1], plain[probe].log_probs, atol=1e-5)
    passes = signals.forward_passes
    inside(signals, one, RECORDS, ("question",))
    assert signals.forward_passes == passes


@pytest.mark.parametrize("name", FAMILIES)
def test_every_value_vector_is_a_view_with_a_gradient_of_its_shape(name: str) -> None:
    one = model(name)
    matrices = one.value_matrices()
    assert matrices and all(item.shape[1] == 16 for item in matrices.values())
    found = Signals().attribution(one, RECORDS, ("question",))
    assert {key: len(item) for key, item in matrices.items()} == {
        key: len(values) for key, values in found.items()
    }
    with torch.no_grad():
        before = Signals().scores(one, RECORDS, ("question",))["two", "question"].log_probs
        for item in matrices.values():
            item.zero_()
        after = Signals().scores(one, RECORDS, ("question",))["two", "question"].log_probs
    assert not np.allclose(before, after)


def test_ranks_count_the_tokens_that_an_attacker_tries_first() -> None:
    one = model("llama")
    item = inside(Signals(), one, RECORDS, ("question",))["one", "question"]
    head, norm = one.model.lm_head, one.model.model.norm
    with torch.inference_mode():
        probs = torch.softmax(head(norm(torch.tensor(item.states[:, 0]))), -1).numpy()
    tried = [WORDS.convert_tokens_to_ids(word) for word in ("a", "d")]  # "a f" begins alike
    for layer, row in enumerate(probs):
        order = np.argsort(-row).tolist()
        assert item.ranks["head"][layer].tolist() == [order.index(token) for token in tried]
    step = probs[2] - probs[1]
    order = np.argsort(-step).tolist()
    both = [min(order.index(token), 15 - order.index(token)) for token in tried]
    assert item.ranks["change"][1].tolist() == both
    assert item.ranks["bend"].shape == (1, 2)


def test_a_model_that_does_more_than_norm_and_head_is_refused() -> None:
    one = model("llama")
    forward = one.model.forward

    def sharpened(*args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        output.logits = output.logits * 3.0
        return output

    one.model.forward = sharpened
    with pytest.raises(UnknownAnatomyError):
        inside(Signals(), one, RECORDS, ("question",))


@pytest.mark.parametrize("name", ["llama", "gpt2", "qwen-moe"])
def test_a_model_patched_with_its_own_states_says_what_it_said(name: str) -> None:
    one, other = model(name), model(name, seed=1)
    grafts = [Graft("who is Ada :", "a b c", "who is Ada :"), Graft("who is :", "g", "who is :")]
    same = patched(Signals(), one, one, grafts)
    np.testing.assert_allclose(same, same[:, :1].repeat(3, axis=1), atol=1e-5)
    strange = patched(Signals(), one, other, grafts)
    np.testing.assert_allclose(strange[:, 0], same[:, 0], atol=1e-6)
    assert not np.allclose(strange[:, 2], same[:, 2])


def test_states_of_other_shapes_or_tokens_do_not_fit() -> None:
    one = model("llama")
    assert misfit(one, model("llama", seed=1)) is None
    assert "shapes" in (misfit(one, model("gpt2")) or "")
    assert "tokens" in (misfit(one, replace(one, tokenizer=tokeniser(["who"]))) or "")


def test_the_depth_score_is_the_published_one() -> None:
    levels = Levels(
        alone=np.array([-1.0, -1.0]),
        candidate=np.array([[-1.0, -3.0], [-2.0, -9.0]]),
        ignorant=np.array([[-2.0, -5.0], [-2.0, -5.0]]),
    )
    # Drops 1 and 4; lost 0 and 2 of the first fact, 1 and (clipped) 4 of the second.
    assert levels.depth([0, 1]) == pytest.approx((2 / 5 + 5 / 5) / 2)


def test_cka_has_its_known_values() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 6))
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    assert linear_cka(x, x) == pytest.approx(1.0)
    assert linear_cka(x, 3.0 * x @ turn + 5.0) == pytest.approx(1.0)
    wide = rng.normal(size=(5, 50))
    assert linear_cka(wide, wide @ np.linalg.qr(rng.normal(size=(50, 50)))[0]) == pytest.approx(1)
    one, two = np.array([[1.0], [1.0], [-1.0], [-1.0]]), np.array([[1.0], [-1.0], [1.0], [-1.0]])
    assert linear_cka(one, two) == pytest.approx(0.0)
    # One shared direction of two: 1 / (1 * sqrt(2)).
    assert linear_cka(one, np.hstack([one, two])) == pytest.approx(0.5**0.5)


def test_a_barrier_is_the_rise_above_the_straight_line() -> None:
    shares = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    assert barrier(shares, np.array([1.0, 1.5, 2.0, 2.5, 3.0])) == pytest.approx(0.0)
    assert barrier(shares, np.array([1.0, 1.5, 5.0, 2.5, 3.0])) == pytest.approx(3.0)


def test_weights_move_by_what_they_were_moved() -> None:
    one = model("llama")
    other = one.copied("other")
    with torch.no_grad():
        other.model.lm_head.weight += 0.5
        other.model.model.layers[1].mlp.up_proj.weight[0, 0] += 2.0
    found = changes(one, other)
    assert found["output head"].distance == pytest.approx(0.5 * (16 * 16) ** 0.5, rel=1e-5)
    assert found["block 2 mlp"].distance == pytest.approx(2.0, rel=1e-5)
    assert found["block 1 attention"].distance == found["embeddings"].distance == 0.0
    assert total(found).distance == pytest.approx((64.0 + 4.0) ** 0.5, rel=1e-5)
    half = interpolated(one, other, 0.5, "half")
    assert total(changes(one, half)).distance == pytest.approx(68.0**0.5 / 2, rel=1e-5)
    assert same_parameters(one, other) and not same_parameters(one, model("gpt2"))


def test_noise_falls_on_the_named_vectors_alone_and_follows_its_seed() -> None:
    one = model("mixtral")
    name, *others = one.value_matrices()
    noisy, again = (noise_vectors(one, {name: [1, 3]}, 0.1, 5, key) for key in ("n1", "n2"))
    change = (noisy.value_matrices()[name] - one.value_matrices()[name]).detach()
    assert change[[0, 2]].abs().max() == 0.0
    assert float(change[[1, 3]].std()) == pytest.approx(0.1, rel=0.5)
    assert torch.equal(noisy.value_matrices()[name], again.value_matrices()[name])
    for other in others:
        assert torch.equal(noisy.value_matrices()[other], one.value_matrices()[other])
