"""The linear layers of a model's MLPs, whatever they are called, and what goes through them.

A :class:`Site` is one linear layer of one block with its weight as a view [out, in]: GPT-2 stores
it transposed. Layers of a mixture whose experts lie in one tensor are no module of their own and
have no site; their value vectors are reached by
:meth:`verification.families.causal_lm.CausalLM.value_matrices`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from unlearning.data import Sample, chunks, collate
from unlearning.losses.forward import blocks_of
from unlearning.reference import MEASURING_BATCH
from verification.families.causal_lm.model import VALUE_PROJECTION

ATTENTION = ("attn", "attention")
ROUTERS = ("gate", "router", "shared_expert_gate")
Side = Literal["input", "output"]


@dataclass(frozen=True)
class Site:
    """A linear layer of an MLP: its name, its block and whether it writes into the residual."""

    name: str
    module: nn.Module
    layer: int
    value: bool

    @property
    def weight(self) -> Tensor:
        """Return the weight as a view [out, in]."""
        weight: Tensor = self.module.weight  # type: ignore[assignment]
        return weight.T if isinstance(self.module, Conv1D) else weight


def mlp_sites(model: Any) -> list[Site]:
    """Return the linear layers of the MLPs, from the first block to the last."""
    names = {module: name for name, module in model.named_modules()}
    sites = []
    for layer, block in enumerate(blocks_of(model)):
        for module in block.modules():
            path = names[module].removeprefix(names[block])
            if not isinstance(module, (nn.Linear, Conv1D)) or _elsewhere(path):
                continue
            value = VALUE_PROJECTION.search(f"{names[module]}.weight") is not None
            sites.append(Site(names[module], module, layer, value))
    return sites


def _elsewhere(path: str) -> bool:
    last = path.rpartition(".")[2]
    return last in ROUTERS or any(word in path for word in ATTENTION)


See = Callable[[Site, Tensor, Sequence[int]], None]
"""Called per batch and site with the values [rows, length, width] and each row's length."""


@torch.inference_mode()
def observe(  # noqa: PLR0913, PLR0917 - a model, what it reads, where to look and on which side
    model: Any,
    samples: Sequence[Sample],
    sites: Sequence[Site],
    side: Side,
    see: See,
    device: torch.device,
) -> None:
    """Show what goes into or comes out of the sites while the model reads the samples."""
    for chunk in chunks(samples, MEASURING_BATCH):
        lengths = [len(sample.ids) for sample in chunk]
        ids = collate(chunk, device).ids

        def show(site: Site, values: Tensor, size: Any = ids.shape, own: Any = lengths) -> None:
            # Shared experts and some MLPs see the tokens of all rows in one line.
            see(site, values.reshape(*size, values.shape[-1]), own)

        with _hooked(sites, side, show):
            model.base_model(input_ids=ids, use_cache=False)


@contextmanager
def _hooked(
    sites: Sequence[Site], side: Side, see: Callable[[Site, Tensor], None]
) -> Iterator[None]:
    def hook(site: Site) -> Callable[..., None]:
        def run(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            shown = inputs[0] if side == "input" else output
            see(site, (shown[0] if isinstance(shown, tuple) else shown).float())

        return run

    handles = [site.module.register_forward_hook(hook(site)) for site in sites]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def sample_means(
    model: Any, samples: Sequence[Sample], sites: Sequence[Site], side: Side, device: torch.device
) -> dict[str, Tensor]:
    """Return the mean over each sample's tokens, [samples, width], by the site's name."""
    found: dict[str, list[Tensor]] = {site.name: [] for site in sites}

    def see(site: Site, values: Tensor, lengths: Sequence[int]) -> None:
        found[site.name] += [row[:size].mean(0) for row, size in zip(values, lengths, strict=True)]

    observe(model, samples, sites, side, see, device)
    return {name: torch.stack(rows) for name, rows in found.items()}


def last_tokens(
    model: Any, samples: Sequence[Sample], site: Site, side: Side, device: torch.device
) -> Tensor:
    """Return what is at each sample's last token, [samples, width]."""
    found: list[Tensor] = []

    def see(_: Site, values: Tensor, lengths: Sequence[int]) -> None:
        found.extend(row[size - 1] for row, size in zip(values, lengths, strict=True))

    observe(model, samples, [site], side, see, device)
    return torch.stack(found)


def second_moments(
    model: Any, samples: Sequence[Sample], sites: Sequence[Site], device: torch.device
) -> dict[str, Tensor]:
    """Return the mean of ``k kᵀ`` over all tokens of what goes into each site, [in, in]."""
    total: dict[str, Tensor] = {}
    counted: dict[str, int] = dict.fromkeys((site.name for site in sites), 0)

    def see(site: Site, values: Tensor, lengths: Sequence[int]) -> None:
        keys = torch.cat([row[:size] for row, size in zip(values, lengths, strict=True)])
        total[site.name] = total.get(site.name, 0) + keys.T @ keys
        counted[site.name] += len(keys)

    observe(model, samples, sites, "input", see, device)
    return {name: item / counted[name] for name, item in total.items()}
