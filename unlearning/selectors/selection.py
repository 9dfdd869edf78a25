"""From a selector to a model in which only the selected weights train, and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import nn
from transformers.pytorch_utils import Conv1D

from contract.result import ErrorCode, JobError
from unlearning.data import Sample
from unlearning.engine import processes
from unlearning.losses.forward import blocks_of
from unlearning.selectors import experts, importance, lora, parts
from unlearning.selectors.settings import (
    All,
    Columns,
    Expert,
    Lora,
    Mask,
    MlpOutputs,
    Names,
    Selector,
)
from verification.families.causal_lm.model import EXPERTS_PROJECTION, VALUE_PROJECTION

ONE_EXPERT = re.compile(r"^(?P<name>.+)\[(?P<expert>\d+)\]$")


@dataclass(frozen=True)
class Material:
    """What a selector may look at."""

    forget: Sequence[Sample]
    retain: Sequence[Sample]
    device: torch.device
    seed: int = 0


@dataclass
class Selection:
    """A model of which only the selected weights train, until :meth:`finish`.

    ``module`` is what trains (a peft model for ``lora``: run passes through
    :func:`unlearning.adapters.inner`). ``metrics`` are numbers for the result.
    """

    module: Any
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_adapter(self) -> bool:
        """Say whether the result can be kept as an adapter."""
        return isinstance(self.module, PeftModel)

    def finish(self) -> Any:
        """Return the ordinary transformers model with what was trained written into it."""
        if self.is_adapter:
            model = lora.one_adapter(self.module).merge_and_unload()
        else:
            model = self.module
            parts.write_back(model)
        return model.requires_grad_(requires_grad=True)

    def adapter(self) -> PeftModel:
        """Return base and trained adapter, apart; raises ``NOT_SUPPORTED`` when there is none."""
        if not self.is_adapter:
            message = "only what a LoRA selector trained can be saved as an adapter"
            raise JobError(ErrorCode.NOT_SUPPORTED, message)
        return lora.one_adapter(self.module)

    def save_adapter(self, folder: Path) -> None:
        """Write the adapter; raises ``NOT_SUPPORTED`` when something else was trained."""
        model: Any = self.adapter()
        for config in model.peft_config.values():
            config.target_modules = sorted(
                config.target_modules
            )  # peft keeps a set: no fixed order
        model.save_pretrained(str(folder), save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # a model card with a path of this machine


def select(model: Any, selector: Selector, material: Material) -> Selection:
    """Prepare a model, as loaded, so that only the selected weights train.

    Raises ``BAD_JOB`` or ``NOT_SUPPORTED`` when the selector finds nothing in this model.
    """
    if isinstance(selector, Expert | Mask | Columns) and processes.several():
        message = (
            f"the selector {selector.kind!r} trains parts of weights, which does not work on "
            "weights that are spread over processes; run it in one process"
        )
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    model.requires_grad_(requires_grad=True)  # importance is read from the whole model
    found: Selection = _SELECT[type(selector)](model, selector, material)
    trained = [item for item in found.module.parameters() if item.requires_grad]
    if not trained:
        message = f"the selector {selector.kind!r} selects no weight of this model"
        raise JobError(ErrorCode.BAD_JOB, message)
    found.metrics = {
        **found.metrics,
        "trained_parameters": float(sum(item.numel() for item in trained)),
    }
    return found


def _select_all(model: Any, _: All, __: Material) -> Selection:
    return Selection(model)


def _select_names(model: Any, selector: Names, _: Material) -> Selection:
    for name, item in model.named_parameters():
        wanted = any(re.search(rule, name) for rule in selector.include)
        item.requires_grad_(wanted and not any(re.search(rule, name) for rule in selector.exclude))
    return Selection(model)


def _select_mlp_outputs(model: Any, selector: MlpOutputs, _: Material) -> Selection:
    blocks = blocks_of(model)
    wanted = selector.layers or range(len(blocks))
    if max(wanted) >= len(blocks):
        message = f"the model has {len(blocks)} layers, counted from 0, not {max(wanted) + 1}"
        raise JobError(ErrorCode.BAD_JOB, message)
    inside = {id(item) for layer in wanted for item in blocks[layer].parameters()}
    for name, item in model.named_parameters():
        last = VALUE_PROJECTION.search(name) or EXPERTS_PROJECTION.search(name)
        item.requires_grad_(bool(last) and id(item) in inside)
    return Selection(model)


def _select_lora(model: Any, selector: Lora, material: Material) -> Selection:
    if selector.initial == "plain":
        return Selection(lora.attach(model, selector, material.seed))
    if not material.retain:
        message = "the FILA adapter compares with retained records, and the job has none"
        raise JobError(ErrorCode.DATA_MISSING, message)
    layers = lora.linear_layers(model, selector.targets)
    names = {f"{name}.weight" for name in layers}
    forget, retain = (
        importance.fisher(model, some[: selector.fisher_samples], names, material.device)
        for some in (material.forget, _spread(material.retain, selector.fisher_samples))
    )
    return Selection(lora.attach_informed(model, selector, forget, retain, material.seed))


def _select_expert(model: Any, selector: Expert, material: Material) -> Selection:
    mixture, expert, share = experts.chosen(
        model, selector.layer, selector.expert, material.forget, material.device
    )
    model.requires_grad_(requires_grad=False)
    if isinstance(mixture.experts, nn.ModuleList):
        mixture.experts[expert].requires_grad_(requires_grad=True)
    else:
        index = torch.tensor([expert])
        own = {id(item) for item in mixture.experts.parameters()}
        parts.attach(
            model,
            {
                name: parts.Part(item, index, 0)
                for name, item in model.named_parameters()
                if id(item) in own and item.shape[0] == mixture.count
            },
        )
    if selector.router:
        mixture.router.requires_grad_(requires_grad=True)
    metrics = {"layer": float(mixture.layer), "expert": float(expert)}
    return Selection(model, metrics if share is None else {**metrics, "expert_share": share})


def _select_mask(model: Any, selector: Mask, material: Material) -> Selection:
    names = {name for name, item in model.named_parameters() if item.dim() > 1}
    sizes = importance.forget_gradient(model, material.forget, names, material.device)
    least = importance.threshold(sizes.values(), selector.share)
    named = dict(model.named_parameters())
    model.requires_grad_(requires_grad=False)
    chosen = {}
    for name, size in sizes.items():
        places = torch.nonzero((size >= least).reshape(-1)).squeeze(1)
        if len(places):
            chosen[name] = parts.Part(named[name], places)
    parts.attach(model, chosen)
    return Selection(model)


def _select_columns(model: Any, selector: Columns, _: Material) -> Selection:
    named = dict(model.named_parameters())
    model.requires_grad_(requires_grad=False)
    places: dict[str, list[torch.Tensor]] = {}
    for label, units in selector.units.items():
        match = ONE_EXPERT.match(label)
        name = match["name"] if match else label
        if name not in named:
            raise JobError(ErrorCode.BAD_JOB, f"the model has no parameter {name!r}")
        owner = model.get_submodule(name.rpartition(".")[0])
        flat = torch.arange(named[name].numel()).view_as(named[name])
        matrix = flat[int(match["expert"])] if match else flat
        transposed = isinstance(owner, Conv1D) or getattr(owner, "is_transposed", False)
        upright = matrix.T if transposed else matrix
        if not units or max(units) >= upright.shape[1] or min(units) < 0:
            raise JobError(ErrorCode.BAD_JOB, f"{label!r} has {upright.shape[1]} units, from 0 on")
        places.setdefault(name, []).append(upright[:, list(units)].reshape(-1))
    chosen = {
        name: parts.Part(named[name], torch.cat(some).unique()) for name, some in places.items()
    }
    parts.attach(model, chosen)
    return Selection(model)


def _spread(samples: Sequence[Sample], count: int) -> Sequence[Sample]:
    """Return up to ``count`` samples, evenly spread over all."""
    step = max(1, len(samples) // count)
    return samples[::step][:count]


_SELECT: Mapping[type, Callable[[Any, Any, Material], Selection]] = {
    All: _select_all,
    Names: _select_names,
    MlpOutputs: _select_mlp_outputs,
    Lora: _select_lora,
    Expert: _select_expert,
    Mask: _select_mask,
    Columns: _select_columns,
}
