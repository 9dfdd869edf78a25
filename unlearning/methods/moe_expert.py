"""One expert of a mixture forgets: around any gradient method, with its router held in place.

Idea: in a mixture of experts, an unlearning loss is lowered soonest by routing the records to other
experts: the knowledge stays, and experts that know nothing of it are damaged. So (1) attribute:
average the router's gates over the forget texts in every layer, and take the one expert with the
highest mean; (2) train only that expert and its router, with

    loss = the inner method's loss + anchor * mean over tokens of D_f of |g(x) - onehot(expert)|^2

where ``g`` are the gates of that layer's router: the records keep going to the expert that is
forgetting them. Papers: Zhuang et al., "SEUF: Is Unlearning One Expert Enough for
Mixture-of-Experts LLMs?", arXiv 2411.18797 (first version: UOE). Several experts, several layers,
shared experts and random ones did worse there.

Limits: what attention and the other experts know stays; shared experts are not touched. The claim
is that of the inner method at best, and the card says removal is intended, not shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.canonical import read_json
from contract.catalog import Effect
from contract.record import FROZEN
from contract.result import ErrorCode, JobError
from unlearning import models, registry
from unlearning.data import Batch, Sample, encode_required
from unlearning.forgetting import forget_records
from unlearning.losses.states import router_anchor
from unlearning.objective import FORGET, Answers, Objective, Texts
from unlearning.packing import inputs_of
from unlearning.reference import Need
from unlearning.registry import method
from unlearning.selectors import Expert, Selector, experts
from unlearning.spec import Context, Outcome

COUNTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
"""How model families name the number of their experts in ``config.json``."""


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """Which method forgets, and where.

    ``inner`` names the gradient method, ``unlearn`` are its settings; its selector is replaced.
    ``anchor`` is the paper's alpha. ``layer`` and ``expert`` are found by attribution unless given;
    ``router`` says whether the router trains too.
    """

    inner: str = "npo"
    unlearn: Mapping[str, Any] = field(default_factory=dict)
    anchor: float = Field(default=1.0, ge=0)
    layer: int | None = Field(default=None, ge=0)
    expert: int | None = Field(default=None, ge=0)
    router: bool = True


class Anchored(Objective):
    """Another objective, with the router of the chosen expert held to it."""

    def __init__(self, inner: Objective, expert: Expert, mixture: Any, weight: float) -> None:
        self._inner, self._expert, self._mixture = inner, expert, mixture
        self._weight = weight
        self.groups, self.retains, self.notes = inner.groups, inner.retains, inner.notes
        self.gated = inner.gated

    def riders(self, texts: Texts) -> Mapping[str, Sequence[Sequence[Sample]]]:
        """Return those of the inner objective."""
        return self._inner.riders(texts)

    def needs(self, group: str) -> Sequence[Need]:
        """Return those of the inner objective."""
        return self._inner.needs(group)

    def selector(self, chosen: Selector, model: Any) -> Selector:
        """Return the expert, whatever the inner objective chose."""
        del chosen, model
        return self._expert

    def states(self, model: Any, batch: Batch) -> Tensor | tuple[Tensor, Tensor]:
        """Return the inner objective's states, and beside them the gates where answers begin."""
        with experts.watched(self._mixture) as passes:
            states = self._inner.states(model, batch)
        if isinstance(states, tuple) or not passes:
            message = "this inner method does not pass through the expert's layer on its own"
            raise JobError(ErrorCode.NOT_SUPPORTED, message)
        return states, inputs_of(model, batch).answers(passes[0])

    def forget(self, seen: Mapping[str, Answers]) -> Tensor:
        """Return the inner term and the anchor."""
        answers = seen[FORGET]
        if answers.side is None or self._expert.expert is None:
            message = "the router's gates were not watched"
            raise RuntimeError(message)
        held = answers.over_tokens(router_anchor(answers.side, self._expert.expert))
        return self._inner.forget(seen) + self._weight * held

    def retain(self, answers: Answers) -> Tensor:
        """Return the inner objective's term."""
        return self._inner.retain(answers)


@method(
    title="Single-expert unlearning (UOE, SEUF)",
    effect=Effect.REMOVAL,
    summary="In a mixture of experts, lets only the expert that knows the records forget them.",
    source="arXiv 2411.18797",
    needs=("forget", "retain", "experts"),
)
def moe_expert(context: Context, settings: Settings) -> Outcome:
    """Find the expert, let it forget by the inner method, and save the model."""
    require_mixture(context)
    inner, objective = registry.gradient(settings.inner, settings.unlearn)
    tokenizer = models.load_tokenizer(context.model_path)
    model = models.load_model(context.model_path, context.device)
    forget = encode_required(tokenizer, context.records("forget"), context.job.recipe.forms)
    mixture, number, share = experts.chosen(
        model, settings.layer, settings.expert, forget, context.device
    )
    expert = Expert(layer=mixture.layer, expert=number, router=settings.router)
    anchored = Anchored(objective, expert, mixture, settings.anchor / inner.forget_weight)
    done = forget_records(context, model, tokenizer, inner, anchored)
    models.save(done.model, tokenizer, context.output)
    metrics = done.metrics if share is None else {**done.metrics, "expert_share": share}
    return Outcome("whole", metrics, done.notes)


def require_mixture(context: Context) -> None:
    """Raise ``NOT_SUPPORTED`` unless the model's configuration names experts."""
    config = read_json(context.model_path / "config.json")
    if not any(config.get(name) for name in COUNTS):
        message = "the model has no mixture of experts; choose a method that needs none"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
