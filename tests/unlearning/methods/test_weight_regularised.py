from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.unlearning.engine.tiny import lesson, tiny
from unlearning.data import Batches, collate
from unlearning.engine import Piece
from unlearning.losses import answer_nll
from unlearning.losses.weightspace import root_mean_square_distance
from unlearning.methods.weight_regularised import Away, Scored, Settings, Variant, disturb

CPU = torch.device("cpu")


def away(variant: Variant, alpha: float = 1.0) -> Away:
    model = tiny("llama")
    before = {name: item.detach().clone() for name, item in Scored(model).named_parameters()}
    with torch.no_grad():
        for item in model.parameters():
            item.add_(0.1)
    return Away(
        model,
        before,
        Batches(lesson(4), 4, 0),
        Batches(lesson(3, seed=8), 3, 0),
        Settings(variant=variant),
        alpha,
        CPU,
    )


def test_distance_is_the_retain_loss_less_how_far_the_weights_are() -> None:
    phase = away("distance", alpha=2.0)
    terms = phase.loss(0)
    batch = collate(phase.retain.at(0))
    by_hand = answer_nll(phase.model, batch).sum() / batch.lengths.sum()
    assert terms["retain"].item() == pytest.approx(by_hand.item(), rel=1e-6)
    assert terms["distance"].item() == pytest.approx(-0.2, rel=1e-3)


def test_connectivity_raises_the_loss_half_way() -> None:
    phase = away("connectivity", alpha=0.5)
    term = phase.loss(0)["connectivity"]
    half = tiny("llama")
    with torch.no_grad():
        for item in half.parameters():
            item.add_(0.05)
    batch = collate([*phase.retain.at(0), *phase.forget.at(0)])
    by_hand = -0.5 * answer_nll(half, batch).sum() / batch.lengths.sum()
    assert term.item() == pytest.approx(by_hand.item(), rel=1e-4)
    term.backward()
    assert all(item.grad is not None for item in phase.model.parameters())


@pytest.mark.parametrize("variant", ["distance", "connectivity"])
def test_the_pieces_of_a_step_add_up_to_its_loss(variant: Variant) -> None:
    phase = away(variant)
    whole = sum(float(item) for item in phase.loss(0).values())
    pieces = [phase.loss(0, Piece(index, 3)) for index in range(3)]
    assert sum(float(item) for piece in pieces for item in piece.values()) == pytest.approx(
        whole, rel=1e-4
    )


def test_the_beginnings_change_every_weight_as_they_say() -> None:
    before = list(tiny("llama").parameters())

    def changed(variant: Variant, alpha: float) -> list[torch.Tensor]:
        model = tiny("llama")
        disturb(model, variant, alpha, seed=3)
        return list(model.parameters())

    assert root_mean_square_distance(changed("distortion", 0.02), before).item() == pytest.approx(
        0.02, rel=0.05
    )
    half = zip(changed("attenuation", 0.5), before, strict=True)
    assert all(torch.equal(item, 0.5 * own) for item, own in half)
    kept = torch.cat([item.flatten() != 0 for item in changed("dropout", 0.2)])
    had = torch.cat([item.flatten() != 0 for item in before])
    assert kept.sum() / had.sum() == pytest.approx(0.8, abs=0.02)
    assert all(
        torch.equal(item, own) for item, own in zip(changed("distance", 1.0), before, strict=True)
    )


@pytest.mark.training
def test_the_result_lies_further_away_and_says_how_far(
    whole: Any, make_job: Any, completed: Any
) -> None:
    quick = {"learning_rate": 1e-3, "steps": 2, "forget_batch": 8, "retain_batch": 16}
    near, far = (
        completed(
            make_job(
                "weight_regularised",
                whole,
                {"alpha": alpha, "effort": 0.2, "unlearn": quick},
                name=f"alpha-{alpha}",
            )
        ).metrics["moved"]
        for alpha in (1e-6, 50.0)
    )
    assert far > 1.2 * near
