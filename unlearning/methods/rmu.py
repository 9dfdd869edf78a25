"""Representation misdirection: make the model's inner states useless on the forget records.

Idea: on the records, push the states behind one layer to a fixed random direction; on retained
records, hold the states where they were. Only layers up to that one take part, so a step runs and
differentiates a fraction of the model, and no output layer at all.

    loss = forget_weight * mean over tokens of D_f of |h(x) - c u|^2 / width
           + retain_weight * mean over tokens of D_r of |h(x) - h_0(x)|^2 / width

with ``h`` the states behind block ``layer`` where answer tokens are predicted and ``u`` a random
unit vector. ``retain_weight`` is the paper's alpha, ``c`` its steering coefficient (1200 and 6.5
on a 7B model); without one, ``c`` is ``steering_scale`` times the length of the token's own state
before unlearning (adaptive RMU), which needs no knowledge of the model's scale. Only the last
linear layers of the MLPs of ``layer - 2 .. layer`` train by default. Papers: Li et al., arXiv
2403.03218; Dang et al., arXiv 2408.06223.

The states before unlearning are cached numbers, not a second model.

Limits: shallow. It makes what lies behind the layer misread the records; the knowledge stays, and
taking out a single direction brings most of it back. It was made for hazardous corpora. So it is a
suppression in weights, not an erasure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Effect
from contract.record import FROZEN
from contract.result import ErrorCode, JobError
from unlearning.data import Batch, Sample
from unlearning.forgetting import ForgetSettings, gradient_method
from unlearning.losses.forward import blocks_of, layer_states
from unlearning.losses.states import displacement, steering, steering_direction
from unlearning.objective import FORGET, Answers, Objective, Texts
from unlearning.reference import Hidden, Need
from unlearning.selectors import MlpOutputs, Selector

PAPER_LAYER, PAPER_LAYERS = 7, 32
TRAINED_LAYERS = 3


@dataclass(frozen=True, config=FROZEN)
class Settings(ForgetSettings):
    """Those of the phase and RMU's.

    ``layer``: the block whose states are steered, counted from zero; where the paper has it (7 of
    32) unless given. ``steering_coefficient``: how long the aimed-at states are; unless given,
    ``steering_scale`` times as long as they were. ``select`` without layers means the three up to
    ``layer``.
    """

    layer: int | None = Field(default=None, ge=0)
    steering_coefficient: float | None = Field(default=None, gt=0)
    steering_scale: float = Field(default=5.0, gt=0)
    retain_weight: float = Field(default=100.0, ge=0)
    select: Selector = field(default_factory=MlpOutputs)


class Misdirection(Objective):
    """Steer the forget answers' states, hold the retained ones'."""

    retains = True
    gated = False  # the states are an early layer's

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._layer = settings.layer or 0
        self._direction = torch.empty(0)

    def riders(self, texts: Texts) -> Mapping[str, Sequence[Sequence[Sample]]]:
        """Fix layer and direction, now that the model is known; no sample rides along."""
        self._layer = steered_layer(self._settings.layer, len(blocks_of(texts.model)))
        width = texts.model.get_input_embeddings().weight.shape[1]
        self._direction = steering_direction(width, texts.context.job.seed)
        return {}

    def selector(self, chosen: Selector, model: Any) -> Selector:
        """Return the chosen selector; one of MLP outputs without layers gets RMU's."""
        if isinstance(chosen, MlpOutputs) and not chosen.layers:
            layer = steered_layer(self._settings.layer, len(blocks_of(model)))
            return MlpOutputs(layers=tuple(range(max(0, layer + 1 - TRAINED_LAYERS), layer + 1)))
        return chosen

    def needs(self, group: str) -> Sequence[Need]:
        """Return the states before unlearning: of retained records, and of all for their length."""
        if group == FORGET and self._settings.steering_coefficient is not None:
            return ()
        return (Hidden(self._layer),)

    def states(self, model: Any, batch: Batch) -> Tensor:
        """Return the states behind the layer; the pass ends there."""
        return layer_states(model, batch, self._layer)

    def forget(self, seen: Mapping[str, Answers]) -> Tensor:
        """Return the distance to the direction, mean over tokens."""
        answers = seen[FORGET]
        coefficient = self._settings.steering_coefficient
        if coefficient is None:
            before = answers.states_before(Hidden(self._layer))
            sizes = self._settings.steering_scale * before.float().norm(dim=-1)
        else:
            sizes = answers.states.new_tensor([coefficient])
        direction = self._direction.to(answers.states.device)
        return answers.over_tokens(steering(answers.states, direction, sizes))

    def retain(self, answers: Answers) -> Tensor:
        """Return the distance to the states before unlearning, mean over tokens."""
        before = answers.states_before(Hidden(self._layer))
        return answers.over_tokens(displacement(answers.states, before))


def steered_layer(asked: int | None, layers: int) -> int:
    """Return the layer to steer of a model with so many; raises ``BAD_JOB`` if there is no such."""
    if asked is None:
        return min(layers - 1, max(1, round(PAPER_LAYER * layers / PAPER_LAYERS)))
    if asked >= layers:
        message = f"the model has {layers} layers, counted from 0; there is no layer {asked}"
        raise JobError(ErrorCode.BAD_JOB, message)
    return asked


@gradient_method(
    title="Representation misdirection (RMU)",
    effect=Effect.WEIGHT_SUPPRESSION,
    summary="Scrambles what early layers make of the records; very fast, easy to undo.",
    source="arXiv 2403.03218, arXiv 2408.06223",
)
def rmu(settings: Settings) -> Objective:
    """Return the objective."""
    return Misdirection(settings)
