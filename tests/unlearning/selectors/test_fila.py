from __future__ import annotations

import pytest
import torch

from tests.unlearning.engine.tiny import lesson, tiny
from unlearning.data import collate
from unlearning.losses import answer_nll
from unlearning.selectors.importance import fisher, threshold
from unlearning.selectors.lora import initial_factors

CPU = torch.device("cpu")


def test_the_factors_solve_the_weighted_problem_by_hand() -> None:
    # W = diag(3, 1); the second row matters sixteen times as much: weights 1 and 4 by the root.
    weight = torch.diag(torch.tensor([3.0, 1.0]))
    forget = torch.tensor([[1.0, 0.0], [16.0, 0.0]])
    retain = torch.ones(2, 2)
    left, right = initial_factors(weight, forget, retain, rank=1)
    # diag(1, 4) W = diag(3, 4): the second direction is the larger one and is taken whole.
    assert torch.allclose(left @ right, torch.diag(torch.tensor([0.0, 1.0])), atol=1e-5)


def test_equal_importance_is_the_plain_best_approximation() -> None:
    weight = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    same = torch.ones(6, 5)
    left, right = initial_factors(weight, same, same, rank=2)
    vectors, sizes, others = torch.linalg.svd(weight, full_matrices=False)
    best = vectors[:, :2] * sizes[:2] @ others[:2]
    assert torch.allclose(left @ right, best, atol=1e-5)
    assert left.shape == (6, 2) and right.shape == (2, 5)


def test_a_rank_beyond_the_weight_is_filled_with_zeros() -> None:
    weight = torch.eye(3)
    left, right = initial_factors(weight, torch.ones(3, 3), torch.ones(3, 3), rank=5)
    assert left.shape == (3, 5) and right.shape == (5, 3)
    assert torch.allclose(left @ right, weight, atol=1e-5)


def test_the_fisher_information_is_the_mean_squared_gradient_of_single_samples() -> None:
    model, samples = tiny("llama"), lesson(3)
    name = "model.layers.0.mlp.down_proj.weight"
    parameter = dict(model.named_parameters())[name]
    by_hand = torch.zeros_like(parameter)
    for sample in samples:
        (gradient,) = torch.autograd.grad(answer_nll(model, collate([sample])).sum(), parameter)
        by_hand += gradient**2 / 3
    assert torch.allclose(fisher(model, samples, {name}, CPU)[name], by_hand, rtol=1e-5)


def test_the_threshold_is_reached_by_the_share() -> None:
    tensors = [torch.arange(1.0, 61.0), torch.arange(61.0, 101.0)]
    for share in (0.01, 0.25, 1.0):
        value = threshold(tensors, share)
        reached = sum(int((item >= value).sum()) for item in tensors)
        assert reached == pytest.approx(100 * share)
