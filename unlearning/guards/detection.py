"""Telling from the model's own inner states whether a prompt asks for what is to be contained.

A prompt is its pooled state: the mean over its tokens and the last token's state, at one layer of
the served model (the first layers alone are run). A logistic regression, or a perceptron with one
hidden layer, says how likely the prompt is one of those to be contained. The nearest of the stored
prompts then say which answers those are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

STEPS = 300
RATE = 0.02
DECAY = 1e-3
CHUNK = 32
HIGHEST = 0.0
"""The threshold (a log-odds) never exceeds even odds, however few false alarms are wanted."""


@torch.inference_mode()
def pooled(shell: Any, ids: Tensor, mask: Tensor) -> Tensor:
    """Return the pooled states [rows, 2 * hidden] of prompts [rows, length] with their mask."""
    hidden = shell.base_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    mean = (hidden * weights).sum(1) / weights.sum(1).clamp_min(1)
    places = mask.shape[1] - 1 - mask.flip(-1).argmax(-1)
    last = hidden[torch.arange(len(hidden), device=hidden.device), places]
    return torch.cat([mean, last], dim=-1).float()


def states(shell: Any, prompts: Sequence[Sequence[int]]) -> Tensor:
    """Return the pooled states [prompts, 2 * hidden] of rows of ids."""
    found = []
    device = next(shell.parameters()).device
    for first in range(0, len(prompts), CHUNK):
        rows = prompts[first : first + CHUNK]
        width = max(len(row) for row in rows)
        ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=device)
        mask = torch.tensor(
            [[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device
        )
        found.append(pooled(shell, ids, mask).cpu())
    return torch.cat(found)


class Detector(nn.Module):
    """Log-odds that a pooled state asks for what is to be contained."""

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

    def standard(self, features: Tensor) -> Tensor:
        """Return features [rows, width] as they vary over prompts."""
        return (features.to(self.centre.device) - self.centre) / self.scale

    def forward(self, features: Tensor) -> Tensor:
        """Return log-odds [rows]."""
        odds: Tensor = self.head(self.standard(features)).squeeze(-1)
        return odds


def trained(features: Tensor, wanted: Tensor, hidden: int, seed: int) -> Detector:
    """Fit a detector on states [rows, width] and labels [rows]; both sides count alike."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        detector = Detector(features.shape[1], hidden)
    detector.centre.copy_(features.mean(0))
    detector.scale.copy_(features.std(0).clamp_min(1e-6))
    optimizer = torch.optim.AdamW(detector.parameters(), lr=RATE, weight_decay=DECAY)
    positive = wanted.float()
    weights = torch.where(wanted, 0.5 / positive.sum(), 0.5 / (1 - positive).sum())
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(
            detector(features), positive, weight=weights, reduction="sum"
        )
        loss.backward()
        optimizer.step()
    return detector.eval()


@torch.inference_mode()
def crossed(features: Tensor, wanted: Tensor, groups: Tensor, hidden: int, seed: int) -> Tensor:
    """Return log-odds [rows] of every row from a detector that saw neither it nor its group."""
    odds = torch.zeros(len(features))
    for part in (0, 1):
        out = groups % 2 == part
        with torch.inference_mode(mode=False):
            detector = trained(features[~out].clone(), wanted[~out].clone(), hidden, seed)
        odds[out] = detector(features[out])
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
