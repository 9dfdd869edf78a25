from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from unlearning.losses.tokens import (
    distillation,
    inverted_hinge,
    logit_spread,
    lowered_distillation,
    targetless_entropy,
    token_nll,
)
from unlearning.losses.weights import confidence, saturation_importance


def logits_of(*probabilities: float) -> Tensor:
    """Return the logits [1, vocabulary] of a distribution."""
    return torch.tensor([probabilities], dtype=torch.float64).log()


def at(token: int) -> Tensor:
    return torch.tensor([token])


HALF = logits_of(0.5, 0.3, 0.2)


def test_the_nll_of_a_token_is_minus_the_log_of_its_probability() -> None:
    assert token_nll(HALF, at(1)).item() == pytest.approx(-math.log(0.3), abs=1e-6)


@pytest.mark.parametrize(("target", "value"), [(0, 1 + 0.5 - 0.3), (1, 1 + 0.3 - 0.5)])
def test_the_inverted_hinge_looks_at_the_target_and_its_rival(target: int, value: float) -> None:
    assert inverted_hinge(HALF, at(target)).item() == pytest.approx(value, abs=1e-6)


def test_the_inverted_hinge_pushes_only_the_target_and_its_rival() -> None:
    scores = logits_of(0.5, 0.3, 0.15, 0.05).requires_grad_()
    inverted_hinge(scores, at(0)).sum().backward()
    # d/dz of p0 - p1 is p_v * (1[v=0] - 1[v=1] - (p0 - p1)).
    assert scores.grad is not None
    by_hand = [0.5 * 0.8, 0.3 * -1.2, 0.15 * -0.2, 0.05 * -0.2]
    assert scores.grad[0].tolist() == pytest.approx(by_hand, abs=1e-6)


def test_targetless_entropy_aims_at_the_others_in_proportion() -> None:
    # By hand: without token 0 the others have 0.6 and 0.4.
    by_hand = -(0.6 * math.log(0.3) + 0.4 * math.log(0.2))
    assert targetless_entropy(HALF, at(0)).item() == pytest.approx(by_hand, abs=1e-6)


def test_the_gradient_of_targetless_entropy_is_now_minus_wanted() -> None:
    scores = HALF.clone().requires_grad_()
    targetless_entropy(scores, at(0)).sum().backward()
    assert scores.grad is not None
    assert scores.grad[0].tolist() == pytest.approx([0.5, 0.3 - 0.6, 0.2 - 0.4], abs=1e-6)


def test_the_logit_spread_is_zero_only_where_all_logits_are_equal() -> None:
    scores = torch.tensor([[3.0, 1.0, 2.0], [5.0, 5.0, 5.0]])
    assert logit_spread(scores, torch.tensor([0, 0])).tolist() == pytest.approx([1.0, 0.0])


def test_distillation_from_itself_is_zero() -> None:
    logits = torch.randn(5, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values, kept = logits.log_softmax(-1).topk(4)
    assert distillation(logits, kept, values.float()).tolist() == pytest.approx([0.0] * 5, abs=1e-6)


def test_distillation_over_all_tokens_is_the_full_divergence() -> None:
    generator = torch.Generator().manual_seed(1)
    teacher, student = torch.randn(2, 6, 9, generator=generator)
    values, kept = teacher.log_softmax(-1).topk(9)
    full = torch.nn.functional.kl_div(
        student.log_softmax(-1), teacher.log_softmax(-1), log_target=True, reduction="none"
    ).sum(-1)
    assert torch.allclose(distillation(student, kept, values), full, atol=1e-5)
    fewer = distillation(student, kept[:, :3], values[:, :3])
    assert (fewer > 0).all() and (fewer < full).all()


def test_undial_lowers_the_true_token_of_the_teacher_and_no_other() -> None:
    # By hand: the teacher's 0.5 becomes 0.5 / e^2, then all are divided by their sum.
    lowered = 0.5 * math.exp(-2)
    size = lowered + 0.3 + 0.2
    by_hand = -(lowered * math.log(0.4) + 0.3 * math.log(0.4) + 0.2 * math.log(0.2)) / size
    student = logits_of(0.4, 0.4, 0.2)
    values, kept = HALF.log_softmax(-1).topk(3)
    found = lowered_distillation(student, at(0), kept, values.float(), beta=2.0)
    assert found.item() == pytest.approx(by_hand, abs=1e-5)


def test_undial_with_few_kept_tokens_sees_the_rest_as_one() -> None:
    student = logits_of(0.4, 0.3, 0.2, 0.1)
    teacher = logits_of(0.5, 0.25, 0.15, 0.1).log_softmax(-1)
    merged = logits_of(0.5, 0.25, 0.25).log_softmax(-1)
    values, kept = teacher.topk(2)
    found = lowered_distillation(student, at(0), kept, values.float(), beta=3.0)
    whole = lowered_distillation(
        logits_of(0.4, 0.3, 0.3), at(0), torch.tensor([[0, 1, 2]]), merged.float(), beta=3.0
    )
    assert found.item() == pytest.approx(whole.item(), abs=1e-5)


def test_a_token_weight_is_a_constant_of_the_gradient() -> None:
    nll = torch.tensor([math.log(2), math.log(10)], requires_grad=True)
    weight = confidence(nll, beta=2.0)
    assert weight.tolist() == pytest.approx([0.25, 0.01]) and not weight.requires_grad


def test_saturation_and_importance_leave_out_both_ends() -> None:
    nll = -torch.tensor([0.999999, 0.5, 1e-6]).log()
    weight = saturation_importance(nll, beta1=5.0, beta2=1.0)
    assert weight[1].item() == pytest.approx(0.5**6, abs=1e-6)
    assert weight[0] < 1e-5 and weight[2] < 1e-20
