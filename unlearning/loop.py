"""The training loop by its short name; see :mod:`unlearning.engine`."""

from unlearning.engine import Fit, Phase, Schedule, Watch, fit

__all__ = ["Fit", "Phase", "Schedule", "Watch", "fit"]
