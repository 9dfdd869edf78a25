"""Negative preference optimisation: push the records out until they look never-trained.

Idea: lower the likelihood of the forget answers relative to the model before unlearning, with a
pull that fades once an answer has become unlikely, while ordinary training on retained records
holds the rest.

    loss = forget_weight * mean over D_f of -(2/beta) log sigmoid(beta (NLL(x) - NLL_ref(x)))
           + retain_weight * NLL per token over D_r

with NLL the sum over answer tokens. Paper: Zhang et al., "Negative Preference Optimization",
arXiv 2404.05868. The reference is a cached number per sample, forget and retain share one
forward pass, and the end is calibrated on never-trained persons (:mod:`unlearning.stopping`).

Limits: it fine-tunes away from the facts; what is latent in the weights often comes back after a
few steps of relearning. Neighbouring records suffer first. The tokenizer is left as it is.
"""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from contract.catalog import Effect
from contract.record import FROZEN
from unlearning import models
from unlearning.preference import PreferenceSettings, forget_by_preference
from unlearning.registry import method
from unlearning.spec import Context, Outcome


@dataclass(frozen=True, config=FROZEN)
class Settings(PreferenceSettings):
    """Those of the phase."""


@method(
    title="Negative preference optimisation",
    effect=Effect.REMOVAL,
    summary="Pushes the records out of the whole model and holds the rest; fast, often shallow.",
    source="arXiv 2404.05868",
    needs=("forget", "retain", "calibration"),
)
def npo(context: Context, settings: Settings) -> Outcome:
    """Unlearn by NPO and save the model."""
    tokenizer = models.load_tokenizer(context.model_path)
    model = models.load_model(context.model_path, context.device)
    metrics, notes = forget_by_preference(context, model, tokenizer, settings)
    models.save(model, tokenizer, context.output)
    return Outcome("whole", metrics, notes)
