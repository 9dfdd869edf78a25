from __future__ import annotations

import pytest
import torch

from tests.unlearning.engine.tiny import batch, tiny
from unlearning.losses.forward import layer_states
from unlearning.losses.states import (
    displacement,
    router_anchor,
    steering,
    steering_direction,
)
from unlearning.losses.weightspace import barrier, between, root_mean_square_distance


def test_the_steering_direction_is_a_positive_unit_vector_of_the_seed() -> None:
    one, other = steering_direction(64, 1), steering_direction(64, 2)
    assert one.norm().item() == pytest.approx(1.0, abs=1e-6)
    assert bool((one >= 0).all())
    assert torch.equal(one, steering_direction(64, 1)) and not torch.equal(one, other)


def test_steering_is_the_squared_distance_to_the_scaled_direction_by_hand() -> None:
    states = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    direction = torch.tensor([0.6, 0.8])
    # 5 u = (3, 4): (4 + 4) / 2 = 4 and (9 + 16) / 2 = 12.5.
    assert steering(states, direction, torch.tensor([5.0])).tolist() == pytest.approx([4.0, 12.5])
    # 5 u for the first token, 10 u = (6, 8) for the second: 4 and (36 + 64) / 2 = 50.
    each = steering(states, direction, torch.tensor([5.0, 10.0]))
    assert each.tolist() == pytest.approx([4.0, 50.0])


def test_displacement_is_zero_where_nothing_moved() -> None:
    states = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    before = torch.tensor([[1.0, 2.0], [0.0, 1.0]])
    assert displacement(states, before).tolist() == [0.0, 12.5]  # (9 + 16) / 2


def test_the_router_anchor_by_hand() -> None:
    gates = torch.tensor([[0.5, 0.3, 0.2], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    # .25 + .49 + .04, all at the expert, all at another one.
    assert router_anchor(gates, 1).tolist() == pytest.approx([0.78, 0.0, 2.0])


def test_steering_on_a_model_reaches_only_the_layers_before() -> None:
    model, data = tiny("llama"), batch()
    states = layer_states(model, data, 1)
    assert states.shape == (len(data.rows), 32)
    steering(states, steering_direction(32, 0), torch.tensor([6.5])).mean().backward()
    reached = {
        name.split(".")[2] for name, item in model.named_parameters() if item.grad is not None
    }
    assert reached == {"weight", "0", "1"}  # the embedding and two of three layers


def test_the_distance_is_a_root_mean_square_with_a_gradient_at_the_start() -> None:
    weight = torch.tensor([3.0, 0.0], requires_grad=True)
    other = torch.tensor([[4.0, 0.0]], requires_grad=True)
    zero = [torch.zeros(2), torch.zeros(1, 2)]
    # (9 + 16) / 4 = 6.25.
    assert root_mean_square_distance([weight, other], zero).item() == pytest.approx(2.5)
    start = torch.zeros(2, requires_grad=True)
    root_mean_square_distance([start], [torch.zeros(2)]).backward()
    assert start.grad is not None and bool(torch.isfinite(start.grad).all())


def test_half_way_lies_between_the_weights_of_both() -> None:
    now, before = {"a": torch.tensor([4.0]), "b": torch.tensor([1.0])}, {"a": torch.tensor([2.0])}
    assert {name: item.tolist() for name, item in between(now, before).items()} == {
        "a": [3.0],
        "b": [1.0],
    }


def test_the_barrier_asks_for_a_loss_up_to_its_limit() -> None:
    low, high = torch.tensor(2.0, requires_grad=True), torch.tensor(60.0, requires_grad=True)
    assert barrier(low, 50.0).item() == -2.0 and barrier(high, 50.0).item() == -50.0
    (barrier(low, 50.0) + barrier(high, 50.0)).backward()
    assert low.grad == -1.0 and high.grad == 0.0
