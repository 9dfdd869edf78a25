from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from unlearning.losses.divergences import PAIRS, Divergence, flat

GENERATORS: dict[Divergence, Callable[[Tensor], Tensor]] = {
    "total_variation": lambda r: (r - 1).abs() / 2,
    "kl": lambda r: r * r.log(),
    "reverse_kl": lambda r: -r.log(),
    "pearson": lambda r: (r - 1).square(),
    "neyman": lambda r: (1 - r).square() / r,
    "hellinger": lambda r: (r.sqrt() - 1).square(),
    "jeffrey": lambda r: (r - 1) * r.log(),
    "jensen_shannon": lambda r: r * r.log() - (r + 1) * ((r + 1) / 2).log(),
}
RATIOS = torch.logspace(-4, 4, 400_001, dtype=torch.float64)
LIKELY = torch.tensor([0.0, 0.05, 0.4, 0.9, 1.0], dtype=torch.float64)


def value(divergence: Divergence, wanted: float, unwanted: float) -> float:
    pair = (torch.tensor([item], dtype=torch.float64) for item in (wanted, unwanted))
    return flat(*pair, divergence).item()


@pytest.mark.parametrize("divergence", GENERATORS)
def test_the_conjugate_is_the_largest_u_r_minus_f_of_r(divergence: Divergence) -> None:
    pair = PAIRS[divergence]
    for u in pair.activation(LIKELY):
        by_search = (u * RATIOS - GENERATORS[divergence](RATIOS)).max()
        assert pair.conjugate(u[None]).item() == pytest.approx(by_search.item(), abs=1e-4)


@pytest.mark.parametrize("divergence", GENERATORS)
def test_the_loss_falls_with_the_template_and_rises_with_the_true_answer(
    divergence: Divergence,
) -> None:
    wanted, unwanted = (torch.tensor([0.3, 0.6]).requires_grad_() for _ in range(2))
    flat(wanted, unwanted, divergence).sum().backward()
    assert wanted.grad is not None and unwanted.grad is not None
    assert (wanted.grad < 0).all() and (unwanted.grad > 0).all()


def test_the_losses_of_the_paper_by_hand() -> None:
    tanh = math.tanh
    assert value("total_variation", 0.2, 0.9) == pytest.approx(tanh(0.9) / 2 - tanh(0.2) / 2)
    assert value("kl", 0.2, 0.9) == pytest.approx(math.exp(-0.1) - 0.2)
    assert value("pearson", 0.2, 0.9) == pytest.approx(0.81 / 4 + 0.9 - 0.2)
    assert value("reverse_kl", 0.2, 0.9) == pytest.approx(-1 + 0.9 + math.exp(-0.2))
    assert value("hellinger", 0.2, 0.9) == pytest.approx(math.exp(0.9) - 1 - (1 - math.exp(-0.2)))
    neyman = 2 - 2 * math.exp(-0.45) - (1 - math.exp(-0.2))
    assert value("neyman", 0.2, 0.9) == pytest.approx(neyman)


def test_the_gradient_of_jeffreys_conjugate_is_that_of_the_root() -> None:
    u = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(PAIRS["jeffrey"].conjugate, (u,))
    assert PAIRS["jeffrey"].conjugate(u)[0].item() == pytest.approx(0.0, abs=1e-12)
