"""Telling from the model's own inner states whether a prompt asks for what is to be contained.

Every token of the prompt has a state at one layer of the served model (the first layers alone are
run). A logistic regression, or a perceptron with one hidden layer, gives each state log-odds, and
the prompt's are those of its most suspicious token: a name in the midst of a long prompt, or
within another template, counts as much as in a short question, where a mean over the tokens would
drown it. The mean state of the prompt then says which of the stored prompts are nearest, and
so which answers are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

STEPS = 200
RATE = 0.02
DECAY = 1e-2
CHUNK = 32
HIGHEST = 0.0
"""The threshold (a log-odds) never exceeds even odds, however few false alarms are wanted."""


@dataclass(frozen=True)
class States:
    """Token states [prompts, length, hidden] in 32 bits, with the mask [prompts, length]."""

    tokens: Tensor
    mask: Tensor

    def __getitem__(self, chosen: Tensor) -> States:
        """Return the states of the chosen prompts."""
        return States(self.tokens[chosen], self.mask[chosen])

    def mean(self) -> Tensor:
        """Return the mean state of each prompt, [prompts, hidden]."""
        weights = self.mask.unsqueeze(-1).to(self.tokens.dtype)
        return (self.tokens * weights).sum(1) / weights.sum(1).clamp_min(1)


@torch.inference_mode()
def states(shell: Any, prompts: Sequence[Sequence[int]]) -> States:
    """Return the states of prompts given as ids, on the shell's device."""
    device = next(shell.parameters()).device
    width = max(len(row) for row in prompts)
    lengths = torch.tensor([len(row) for row in prompts], device=device)
    mask = (torch.arange(width, device=device) < lengths[:, None]).long()
    found = []
    for first in range(0, len(prompts), CHUNK):
        rows = prompts[first : first + CHUNK]
        ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=device)
        output = shell.base_model(
            input_ids=ids, attention_mask=mask[first : first + CHUNK], use_cache=False
        )
        found.append(output.last_hidden_state.float())
    return States(torch.cat(found), mask)


class Detector(nn.Module):
    """Log-odds that a prompt asks for what is to be contained."""

    centre: Tensor
    scale: Tensor
    threshold: Tensor

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.register_buffer("threshold", torch.zeros(()))
        self.head: nn.Module = (
            nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, 1))
            if hidden
            else nn.Linear(width, 1)
        )

    def standard(self, values: Tensor) -> Tensor:
        """Return states [..., width] as they vary over tokens."""
        return (values - self.centre) / self.scale

    def forward(self, features: States) -> Tensor:
        """Return log-odds [prompts]: the highest of each prompt's tokens."""
        odds = self.head(self.standard(features.tokens)).squeeze(-1)
        highest: Tensor = odds.masked_fill(features.mask == 0, -torch.inf).amax(-1)
        return highest


def trained(features: States, wanted: Tensor, hidden: int, seed: int) -> Detector:
    """Fit a detector on states and labels [prompts]; both sides count alike."""
    device = features.tokens.device
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        detector = Detector(features.tokens.shape[-1], hidden).to(device)
    there = features.tokens[features.mask.bool()]
    detector.centre.copy_(there.mean(0))
    detector.scale.copy_(there.std(0).clamp_min(1e-6))
    optimizer = torch.optim.AdamW(detector.parameters(), lr=RATE, weight_decay=DECAY)
    positive = wanted.to(device, torch.float32)
    weights = torch.where(positive > 0, 0.5 / positive.sum(), 0.5 / (1 - positive).sum())
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(
            detector(features), positive, weight=weights, reduction="sum"
        )
        loss.backward()
        optimizer.step()
    return detector.eval()


def crossed(features: States, wanted: Tensor, groups: Tensor, hidden: int, seed: int) -> Tensor:
    """Return log-odds [prompts] of each prompt from a detector that saw nothing of its group."""
    odds = torch.zeros(len(wanted))
    for part in (0, 1):
        out = groups % 2 == part
        detector = trained(features[~out], wanted[~out], hidden, seed)
        with torch.inference_mode():
            odds[out] = detector(features[out]).cpu()
    return odds


def threshold_for(odds: Tensor, wanted: Tensor, false_alarms: float) -> float:
    """Return the log-odds above which at most this share of other prompts lies, or even odds."""
    others = odds[~wanted]
    return min(HIGHEST, float(torch.quantile(others, 1 - false_alarms)))


def nearest(query: Tensor, stored: Tensor, count: int) -> list[int]:
    """Return the stored states [entries, width] nearest to a state [width] by angle."""
    near = functional.cosine_similarity(query.unsqueeze(0), stored, dim=-1)
    order: list[int] = near.topk(min(count, len(stored))).indices.tolist()
    return order
