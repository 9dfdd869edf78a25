"""The settings of the selectors: which weights an unlearning phase may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from contract.record import FROZEN


@dataclass(frozen=True, config=FROZEN)
class All:
    """Every weight."""

    kind: Literal["all"] = "all"


@dataclass(frozen=True, config=FROZEN)
class Names:
    """The parameters whose names match one of ``include`` and none of ``exclude``.

    Both are regular expressions, looked for anywhere in the name.
    """

    kind: Literal["names"] = "names"
    include: tuple[str, ...] = (".*",)
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, config=FROZEN)
class MlpOutputs:
    """The last linear layer of the MLP in the given layers (counted from zero), or in all.

    In a mixture that is the last one of every expert.
    """

    kind: Literal["mlp_outputs"] = "mlp_outputs"
    layers: tuple[int, ...] = ()


@dataclass(frozen=True, config=FROZEN)
class Lora:
    """Low-rank adapters on linear layers; the model itself stays as it is.

    ``alpha`` is twice the rank unless given; the adapter counts ``alpha / rank`` times.
    ``targets`` are regular expressions for the names of linear layers and of the tensors that hold
    all experts of a mixture (which only ``plain`` adapters adapt): all but the output layer when
    there are none. ``initial``: ``plain`` (random, adding nothing) or ``fila`` (LoKU: the
    directions that matter to the forget records and not to the retained ones).
    ``fisher_samples`` bounds how many records of each kind ``fila`` looks at.
    """

    kind: Literal["lora"] = "lora"
    rank: int = Field(default=16, ge=1)
    alpha: int | None = Field(default=None, ge=1)
    targets: tuple[str, ...] = ()
    initial: Literal["plain", "fila"] = "plain"
    fisher_samples: int = Field(default=128, ge=1)


@dataclass(frozen=True, config=FROZEN)
class Expert:
    """One expert of one layer of a mixture, and the router of that layer.

    Without ``layer`` and ``expert`` it is the one that the forget records use most.
    """

    kind: Literal["expert"] = "expert"
    layer: int | None = Field(default=None, ge=0)
    expert: int | None = Field(default=None, ge=0)
    router: bool = True


@dataclass(frozen=True, config=FROZEN)
class Mask:
    """The share of all weights with the largest gradient of the forget records' likelihood.

    Only matrices are looked at. Paper: SalUn, arXiv 2310.12508.
    """

    kind: Literal["mask"] = "mask"
    share: float = Field(default=0.1, gt=0, le=1)


@dataclass(frozen=True, config=FROZEN)
class Columns:
    """Single units of single matrices, by parameter name.

    Unit ``j`` is what multiplies input ``j`` of the layer: column ``j`` of a linear layer's weight
    (row ``j`` where a family stores it transposed). One expert of a fused mixture is named
    ``...experts.down_proj[3]``.
    """

    kind: Literal["columns"] = "columns"
    units: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


Selector = Annotated[
    All | Names | MlpOutputs | Lora | Expert | Mask | Columns,
    Field(discriminator="kind"),
]
