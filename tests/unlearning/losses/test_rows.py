from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from unlearning.losses.rows import dpo, nll, npo, simnpo


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def log_sigmoid(value: float) -> float:
    return -math.log(1 + math.exp(-value))


def test_npo_at_the_reference_is_two_over_beta_times_log_two() -> None:
    sums, lengths = tensor(3.0, 7.0), tensor(2, 4)
    values = npo(sums, sums, lengths, beta=0.1, reduction="sum")
    assert values.tolist() == pytest.approx([20 * math.log(2)] * 2, abs=1e-12)


def test_npo_takes_the_difference_of_sequence_sums() -> None:
    # By hand: beta = 0.5, differences 2 and 4, so -(2 / 0.5) * log sigmoid(1 and 2).
    values = npo(tensor(5.0, 5.0), tensor(3.0, 1.0), tensor(2, 4), beta=0.5, reduction="sum")
    assert values.tolist() == pytest.approx([1.2530468, 0.5077121], abs=1e-6)
    assert values.mean().item() == pytest.approx(0.8803796, abs=1e-6)


def test_npo_by_mean_divides_by_the_answer_lengths() -> None:
    by_hand = -4 * log_sigmoid(0.5)  # both differences become 1
    values = npo(tensor(5.0, 5.0), tensor(3.0, 1.0), tensor(2, 4), beta=0.5, reduction="mean")
    assert values.tolist() == pytest.approx([by_hand] * 2, abs=1e-12)


def test_the_gradient_of_npo_fades_once_a_sample_is_unlikely() -> None:
    for difference, weight in ((0.0, 1.0), (50.0, 2 / (1 + math.exp(5)))):
        sums = tensor(10.0 + difference).requires_grad_()
        npo(sums, tensor(10.0), tensor(1), beta=0.1).sum().backward()
        assert sums.grad is not None
        assert sums.grad.item() == pytest.approx(-weight, rel=1e-9)


def test_npo_becomes_gradient_ascent_as_beta_goes_to_zero() -> None:
    sums = tensor(4.0, 9.0).requires_grad_()
    npo(sums, tensor(1.0, 2.0), tensor(2, 4), beta=1e-6).sum().backward()
    assert sums.grad is not None
    assert sums.grad.tolist() == pytest.approx([-1.0, -1.0], abs=1e-4)


def test_simnpo_is_by_token_and_needs_no_reference() -> None:
    # By hand: 6 / 3 = 2 nats a token, minus delta 0.5, times beta 2 = 3.
    values = simnpo(tensor(6.0, 1.0), tensor(3, 2), beta=2.0, delta=0.5)
    assert values.tolist() == pytest.approx([-log_sigmoid(3.0), -log_sigmoid(0.0)], abs=1e-12)


def test_dpo_rewards_the_wanted_answer_and_punishes_the_unwanted_one() -> None:
    # By hand: unwanted became 3 nats dearer, wanted 1 nat cheaper: margin 4, beta 0.25 -> 1.
    values = dpo(tensor(9.0), tensor(10.0), tensor(5.0), tensor(2.0), beta=0.25)
    assert values.tolist() == pytest.approx([-8 * log_sigmoid(1.0)], abs=1e-12)
    wanted, unwanted = tensor(10.0).requires_grad_(), tensor(2.0).requires_grad_()
    dpo(wanted, tensor(10.0), unwanted, tensor(2.0), beta=0.25).sum().backward()
    assert wanted.grad is not None and unwanted.grad is not None
    assert wanted.grad.item() == pytest.approx(1.0) and unwanted.grad.item() == pytest.approx(-1.0)


def test_dpo_without_a_wanted_answer_would_be_npo() -> None:
    unwanted, before, still = tensor(5.0, 7.0), tensor(2.0, 6.0), tensor(1.0, 1.0)
    values = dpo(still, still, unwanted, before, beta=0.3)
    assert torch.allclose(values, npo(unwanted, before, tensor(1, 1), beta=0.3))


def test_nll_has_two_reductions_and_they_differ() -> None:
    sums, lengths = tensor(2.0, 12.0), tensor(2, 4)
    assert nll(sums, lengths, reduction="sum").item() == pytest.approx(7.0)
    assert nll(sums, lengths, reduction="mean").item() == pytest.approx(14 / 6)
