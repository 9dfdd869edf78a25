"""Selectors: which weights an unlearning phase trains, around any loss.

:func:`select` prepares a model so that *what trains is exactly the parameters that require a
gradient*; optimiser state, gradient exchange, step wrappers and checkpoints need no special case.
:meth:`Selection.finish` gives the ordinary model back, with every unselected weight as it was, bit
for bit. A selection is a pure function of model, records and seed: a resumed run makes the same.

* ``all`` - every weight;
* ``names`` - parameters by regular expression;
* ``mlp_outputs`` - the last linear layer of the MLPs of some layers, whatever the family calls it;
* ``lora`` - low-rank adapters (:mod:`unlearning.selectors.lora`), whose result can also be kept
  as an adapter folder beside the untouched model;
* ``expert`` - one expert of a mixture and its router (:mod:`unlearning.selectors.experts`);
* ``mask`` - the weights with the largest forget gradient;
* ``columns`` - single units of single matrices.

The last three train parts of tensors (:mod:`unlearning.selectors.parts`).
"""

from unlearning.selectors.selection import Material, Selection, select
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

__all__ = [
    "All",
    "Columns",
    "Expert",
    "Lora",
    "Mask",
    "Material",
    "MlpOutputs",
    "Names",
    "Selection",
    "Selector",
    "select",
]
