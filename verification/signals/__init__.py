"""The only place that asks a model anything; every check reads what is kept here.

:class:`Signals` asks each model each question once, however many checks want the answer. One
forward pass of prompt + answer yields, for each answer token, the log-probability of the true
token, mean and standard deviation of the log-probability under the model's own distribution, and
whether the true token was the most likely one. Loss, zlib, Min-K, Min-K++, exact memorisation
and extraction strength are all pure functions of those four arrays (:class:`Signal`).
"""

from verification.signals.asking import NEW_TOKENS, Probe, Signals
from verification.signals.forward import (
    NotFiniteError,
    Signal,
    answer_tokens,
    batches,
    forward,
    padded,
)

__all__ = [
    "NEW_TOKENS",
    "NotFiniteError",
    "Probe",
    "Signal",
    "Signals",
    "answer_tokens",
    "batches",
    "forward",
    "padded",
]
