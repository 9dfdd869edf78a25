"""What the loss around every objective promises: pieces, single terms, levels, what is cached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unlearning.losses.golden import CPU, TOKENIZER, World, nll, texts, tokens
from unlearning import reference
from unlearning.engine import Piece
from unlearning.mixture import ForgetSettings, Mixture
from unlearning.reference import Hidden, ReferenceCache, Top
from unlearning.registry import gradient


@pytest.mark.parametrize("name", ["npo", "wga"])
def test_an_answer_above_its_level_is_left_alone(world: World, name: str) -> None:
    forget = world.groups["forget"]
    costs = [nll(world.now, item) / item.answer_length for item in forget]
    level = sorted(costs)[1] + 1e-3  # two below, one above
    parsed, objective = gradient(name, {"retain_term": "none"})
    groups = {**world.groups, "retain": []}
    gated = Mixture(objective, parsed, {"question": level}).terms(world.now, groups, world.cache)
    kept = [item for item, cost in zip(forget, costs, strict=True) if cost < level]
    alone = Mixture(objective, parsed).terms(world.now, {**groups, "forget": kept}, world.cache)
    counts = (
        (len(kept), 3)
        if name == "npo"
        else tuple(sum(item.answer_length for item in some) for some in (kept, forget))
    )
    share = counts[0] / counts[1]  # the mean still counts all
    assert gated["forget"].item() == pytest.approx(alone["forget"].item() * share, rel=1e-4)


ALL = ["npo", "simnpo", "kl_min", "wga", "ce_u", "undial", "pdu", "dpo", "flat", "idk"]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_pieces_of_a_step_add_up_to_the_step(world: World, name: str, count: int) -> None:
    whole = world.terms(name)
    parts = [world.terms(name, Piece(index, count)) for index in range(count)]
    summed = {key: sum(part.get(key, 0.0) for part in parts) for key in whole}
    assert summed == pytest.approx(whole, abs=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_a_term_can_be_had_alone(world: World, name: str) -> None:
    whole = world.terms(name)
    for key in ("forget", "retain"):
        alone = world.terms(name, Piece(only=key))
        assert alone == pytest.approx({k: v for k, v in whole.items() if k == key}, abs=1e-4)


def test_the_cache_gives_the_states_of_the_model_before(world: World) -> None:
    samples = world.groups["forget"]
    world.cache.fill(world.before, samples, CPU, Hidden(0))
    found = world.cache.hidden(samples, Hidden(0)).split([s.answer_length for s in samples])
    for sample, states in zip(samples, found, strict=True):
        ids = torch.tensor([sample.ids])
        layers = world.before(input_ids=ids, output_hidden_states=True).hidden_states
        assert torch.allclose(states, layers[1][0, sample.start - 1 : -1], atol=1e-5)


def test_an_interrupted_measuring_goes_on_where_it_was(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "MEASURING_BATCH", 1)
    monkeypatch.setattr(reference, "SHELF_BATCHES", 2)
    samples, need = texts(9, (2, 3, 1, 4, 2)), Top(3)
    measured = reference._measured

    def unplugged(of: Any, chunk: Any, *more: Any) -> Any:
        if chunk[0] is samples[3]:
            raise RuntimeError
        return measured(of, chunk, *more)

    with monkeypatch.context() as broken:
        broken.setattr(reference, "_measured", unplugged)
        with pytest.raises(RuntimeError):
            ReferenceCache(tmp_path, "m", TOKENIZER).fill(world.before, samples, CPU, need)
    again = ReferenceCache(tmp_path, "m", TOKENIZER)
    assert again.fill(world.before, samples, CPU, need) == 3
    (tmp_path / "whole").mkdir()
    whole = ReferenceCache(tmp_path / "whole", "m", TOKENIZER)
    whole.fill(world.before, samples, CPU, need)
    for one, other in zip(again.top(samples, need), whole.top(samples, need), strict=True):
        assert torch.equal(one, other)


def test_few_kept_tokens_always_hold_the_true_one(world: World) -> None:
    samples = world.groups["forget"]
    world.cache.fill(world.before, samples, CPU, Top(2))
    kept, log_probs = world.cache.top(samples, Top(2))
    true = [token for sample in samples for token in sample.ids[sample.start :]]
    assert all(token in row for token, row in zip(true, kept.tolist(), strict=True))
    by_hand = [log_p for sample in samples for log_p, _ in tokens(world.before, sample)]
    for row, values, log_p in zip(kept.tolist(), log_probs.tolist(), by_hand, strict=True):
        assert values == pytest.approx([log_p[token] for token in row], abs=1e-4)


def test_settings_without_a_retain_term_read_no_retained_records(world: World) -> None:
    settings = ForgetSettings(retain_term="none")
    _, objective = gradient("gradient_ascent", {})
    assert Mixture(objective, settings).needs("retain") == ()
    assert Mixture(objective, ForgetSettings(retain_term="kl")).needs("retain") == (Top(64),)
