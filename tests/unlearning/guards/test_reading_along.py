"""A second model that reads along gives the logits it would give when asked anew, at every step."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LogitsProcessor,
    LogitsProcessorList,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from contract.guard import GuardError
from unlearning.guards.follower import Follower
from unlearning.guards.shell import first_layers, layers_of, positions_of

SIZES = {"vocab_size": 60, "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
TOKENS = 9


def llama(layers: int = 3) -> Any:
    config = LlamaConfig(**SIZES, num_key_value_heads=2, num_hidden_layers=layers)
    return LlamaForCausalLM(config).eval()


def gpt2(layers: int = 3) -> Any:
    config = GPT2Config(vocab_size=60, n_embd=16, n_head=2, n_layer=layers, n_positions=64)
    return GPT2LMHeadModel(config).eval()


def qwen(layers: int = 3) -> Any:
    """Two kinds of attention, one of them over a window of four tokens."""
    config = Qwen3Config(
        **SIZES,
        num_key_value_heads=1,
        head_dim=8,
        num_hidden_layers=layers,
        use_sliding_window=True,
        sliding_window=4,
        max_window_layers=1,
        tie_word_embeddings=True,
    )
    return Qwen3ForCausalLM(config).eval()


MODELS: list[Callable[..., Any]] = [llama, gpt2, qwen]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(11)


@torch.inference_mode()
def anew(model: Any, ids: Tensor, mask: Tensor) -> Tensor:
    logits: Tensor = model(
        input_ids=ids, attention_mask=mask, position_ids=positions_of(mask), use_cache=False
    ).logits[:, -1]
    return logits


class Checked(LogitsProcessor):
    """Compares the follower with a model asked anew, and steers the search by it."""

    def __init__(self, model: Any, mask: Tensor) -> None:
        self.model, self.mask = model, mask
        self.follower = Follower(model, mask)
        self.steps = self.rows = 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        each = input_ids.shape[0] // self.mask.shape[0]
        mask = self.mask.repeat_interleave(each, 0)
        mask = torch.cat([mask, mask.new_ones(len(mask), input_ids.shape[1] - mask.shape[1])], 1)
        seen = self.follower.logits(input_ids)
        assert torch.allclose(seen, anew(self.model, input_ids, mask), atol=1e-4)
        self.steps, self.rows = self.steps + 1, input_ids.shape[0]
        return scores - seen


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize(
    "given",
    [
        {"do_sample": False},
        {"num_beams": 4},
        {"do_sample": True, "num_return_sequences": 3, "temperature": 2.0},
        {"num_beams": 3, "do_sample": True},
    ],
    ids=["greedy", "beams", "samples", "sampled beams"],
)
def test_its_cache_is_right_at_every_step_of_a_padded_batch(
    make: Callable[..., Any], given: dict[str, Any]
) -> None:
    model = make()
    ids = torch.randint(2, 60, (2, 6))
    mask = torch.ones_like(ids)
    mask[0, :3] = 0
    watch = Checked(first_layers(model, 2), mask)
    with torch.inference_mode():
        model.generate(
            input_ids=ids,
            attention_mask=mask,
            logits_processor=LogitsProcessorList([watch]),
            max_new_tokens=TOKENS,
            min_new_tokens=TOKENS,
            pad_token_id=0,
            eos_token_id=1,
            **given,
        )
    assert watch.steps == TOKENS
    once = watch.rows * (ids.shape[1] + TOKENS - 1)
    assert watch.follower.computed == once, "each token of each row is computed once"


def test_rows_it_does_not_know_are_read_from_the_beginning() -> None:
    model = llama()
    mask = torch.ones(2, 4, dtype=torch.long)
    follower = Follower(model, mask)
    for ids in (torch.randint(2, 60, (2, 4)), torch.randint(2, 60, (2, 5))):
        whole = torch.ones(2, ids.shape[1], dtype=torch.long)
        assert torch.allclose(follower.logits(ids), anew(model, ids, whole), atol=1e-5)


def test_equal_rows_of_two_prompts_are_told_apart_by_their_padding() -> None:
    """The same ids under other masks are other prompts; their caches must not be exchanged."""
    model = llama()
    mask = torch.ones(2, 4, dtype=torch.long)
    mask[0, :2] = 0
    follower = Follower(model, mask)
    ids = torch.randint(2, 60, (1, 4)).repeat(2, 1)
    first = follower.logits(ids)
    assert not torch.allclose(first[0], first[1], atol=1e-3)
    ids = torch.cat([ids, torch.tensor([[7], [7]])], dim=1)
    longer = torch.cat([mask, torch.ones(2, 1, dtype=torch.long)], dim=1)
    assert torch.allclose(follower.logits(ids), anew(model, ids, longer), atol=1e-5)


@pytest.mark.parametrize("make", MODELS)
def test_the_first_layers_share_every_tensor_and_change_none(make: Callable[..., Any]) -> None:
    model = make()
    before = copy.deepcopy(model.state_dict())
    shell = first_layers(model, 2)
    assert layers_of(shell) == 2 and layers_of(model) == 3
    own = {value.data_ptr() for value in model.parameters()}
    assert {value.data_ptr() for value in shell.parameters()} <= own
    assert not any(value.requires_grad for value in shell.parameters())
    assert all(value.requires_grad for value in model.parameters())
    ids = torch.randint(2, 60, (1, 5))
    assert shell(input_ids=ids).logits.shape == (1, 5, 60)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("make", MODELS)
def test_all_layers_are_the_model_itself_also_from_its_folder(
    make: Callable[..., Any], tmp_path: Any
) -> None:
    model = make()
    model.save_pretrained(str(tmp_path))
    ids = torch.randint(2, 60, (2, 7))
    expected = model(input_ids=ids).logits
    assert torch.allclose(first_layers(model, 3)(input_ids=ids).logits, expected, atol=1e-6)
    short = first_layers(model, 2)(input_ids=ids).logits
    assert torch.allclose(first_layers(tmp_path, 2)(input_ids=ids).logits, short, atol=1e-6)


def test_a_model_whose_tensors_cannot_be_shared_is_refused() -> None:
    model = llama()
    del model.lm_head
    with pytest.raises(GuardError, match="unquantised"):
        first_layers(model, 2)
