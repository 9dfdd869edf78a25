"""The engine: how a loss becomes trained weights, on one device or several.

* :mod:`unlearning.engine.phase` - what is trained; :mod:`unlearning.engine.fitting` - the loop;
* :mod:`unlearning.engine.steps` - one step, in pieces, when memory runs out, when it explodes;
* :mod:`unlearning.engine.weights` - 32-bit masters of bf16 weights;
* :mod:`unlearning.engine.quiet` - no dropout, recomputed activations;
* :mod:`unlearning.engine.checkpoints` - resuming to the same end;
* :mod:`unlearning.engine.processes` - several processes, one model.
"""

from unlearning.engine.fitting import fit
from unlearning.engine.phase import WHOLE, Fit, Phase, Piece, Schedule, StepWrapper, Watch
from unlearning.engine.processes import within
from unlearning.engine.settings import EngineSettings

__all__ = [
    "WHOLE",
    "EngineSettings",
    "Fit",
    "Phase",
    "Piece",
    "Schedule",
    "StepWrapper",
    "Watch",
    "fit",
    "within",
]
