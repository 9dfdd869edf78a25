"""ROCR: redirect the concept of a person, by name alone, to a harmless concept.

Idea (Ye, Zhang, Wu, "LLM Unlearning Should Be Form-Independent", arXiv 2506.07795): whatever the
form of a question, the model has to recognise whom it is about, and does so in the MLPs of early
blocks at the last token of the name. There the second projection W of an MLP maps a key k (what
goes into W) to a value W k. A rank-one change makes the person's key give what the harmless
concept's would have given, so that everything after it thinks of somebody else. Only the names are
needed, no text of theirs.

With k the mean key of the name over a few openings, r the mean difference between the harmless
concept's and the person's residual stream after the last edited block, and C the mean of k k^T over
what is to be kept, each edited block from the first to the last gets its share of what is missing:

    Delta = (r / blocks left) (C^-1 k)^T / (k^T C^-1 k),        W <- W + strength * Delta

so that (W + Delta) k is exactly W k + its share of r, and of all changes that do this Delta moves
the kept keys least. Several names: the same with one column a name, Delta = R (K^T C^-1 K)^-1
K^T C^-1, of as many ranks.

What is the paper's: keys at the last token of the name, the target from an unrelated concept's
state, the spread over blocks (4, 5 and 6 of 32), names only. What is ours: the formula. The
authors' code solves for the projection of Delta onto the null space of C with a ridge; a model
whose keys fill their space has no null space, so C stands in softly here (as in ROME, arXiv
2202.05262) with a ridge of ``ridge`` times its mean eigenvalue. Without retained records C = I.

Limits: outputs become those of another concept; the facts stay in the weights, and a question that
does not name the person finds them. It is suppression. A harmless concept that is a real person
would put false facts about them into answers (Art. 5(1)(d) GDPR): the default is nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass as plain
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from contract.catalog import Effect
from contract.record import FROZEN, Form, Record
from contract.result import ErrorCode, JobError
from unlearning.anatomy import Side, Site, last_tokens, mlp_sites, second_moments
from unlearning.data import Sample
from unlearning.editing import EditSettings, Open, Original, edit, opened
from unlearning.losses.forward import blocks_of
from unlearning.registry import method
from unlearning.spec import Context, Outcome
from verification.families.causal_lm import encode_form

FIRST, LAST = 4 / 32, 7 / 32
"""The edited blocks as shares of the depth: 4, 5 and 6 of 32, as in the authors' code."""


@dataclass(frozen=True, config=FROZEN)
class Settings(EditSettings):
    """``names``: whom to redirect; none: the node of each record's path that its prompts name.

    ``harmless``: where to. ``openings``: what stands before the name when it is read. ``ridge``:
    how much of the mean eigenvalue is added to C. ``layers``: the blocks to edit, counted from 0.
    """

    names: tuple[str, ...] = ()
    harmless: str = "an unknown person"
    openings: tuple[str, ...] = (
        "",
        "Please answer the question about ",
        "Tell me about ",
        "Write something about ",
        "What is known of ",
    )
    ridge: float = Field(default=0.01, gt=0)
    layers: tuple[int, ...] = ()


@method(
    title="Rank-one concept redirection (ROCR)",
    effect=Effect.WEIGHT_SUPPRESSION,
    summary="Makes the model take the person's name for a harmless concept; needs the name alone, "
    "takes seconds, removes nothing.",
    source="arXiv 2506.07795",
    needs=("forget", "names"),
)
def rocr(context: Context, settings: Settings) -> Outcome:
    """Redirect the names and save the model."""
    names = settings.names or named(context.records("forget"))
    job = opened(context)
    sites = _edited(job.model, settings.layers)
    known = second_moments(job.model, job.retain, sites, context.device) if job.retain else {}
    original = Original(site.weight for site in sites)
    plan = Redirection(job, sites, settings)
    target = plan.states([settings.harmless])
    full: dict[str, Tensor] = {}
    for left, site in zip(range(len(sites), 0, -1), sites, strict=True):
        keys = plan.read(names, site, "input")
        missing = (target - plan.states(names)) / left
        full[site.name] = update(keys, missing, known.get(site.name), settings.ridge)
        _add(site, full[site.name])

    def make(strength: float) -> None:
        original.put_back()
        for site in sites:
            _add(site, strength * full[site.name])

    outcome = edit(job, settings, make)
    extra = {"names": len(names), "blocks_changed": len(sites)}
    return Outcome("whole", {**outcome.metrics, **extra}, outcome.notes)


def named(records: Sequence[Record]) -> tuple[str, ...]:
    """Return the names that the records' prompts hold; raises ``DATA_MISSING`` if one has none.

    A record's name is the highest node of its path that stands in all of its prompts.
    """
    found = set()
    for record in records:
        prompts = [form.prompt for form in record.forms.values()]
        name = next((node for node in record.path if all(node in text for text in prompts)), None)
        if name is None:
            message = (
                "the prompts of some records hold no node of their path as a name; give the names "
                "in the setting names"
            )
            raise JobError(ErrorCode.DATA_MISSING, message)
        found.add(name)
    return tuple(sorted(found))


@plain(frozen=True)
class Redirection:
    """What is read of the model about the names, in every opening."""

    job: Open
    sites: Sequence[Site]
    settings: Settings

    def states(self, names: Sequence[str]) -> Tensor:
        """Return the residual stream after the last edited block, [width, names]."""
        block = blocks_of(self.job.model)[max(site.layer for site in self.sites)]
        return self.read(names, Site("block", block, 0, value=False), "output")

    def read(self, names: Sequence[str], site: Site, side: Side) -> Tensor:
        """Return what is at the last token of each name, the mean over openings, [width, names]."""
        device, model = self.job.context.device, self.job.model
        columns = [last_tokens(model, self._samples(name), site, side, device) for name in names]
        return torch.stack([rows.mean(0) for rows in columns], 1)

    def _samples(self, name: str) -> list[Sample]:
        """Return the openings with the name at their end."""
        samples = []
        for opening in self.settings.openings:
            ids, start = encode_form(self.job.tokenizer, Form(opening + name, ""), end=False)
            samples.append(Sample(name, opening, ids[:start], start))
        return samples


def update(keys: Tensor, missing: Tensor, kept: Tensor | None, ridge: float) -> Tensor:
    """Return Delta [out, in] for keys [in, n] and what is missing of their values [out, n].

    ``Delta @ keys == missing`` for independent keys. ``kept`` is C [in, in]; ``None`` is I.
    """
    keys, missing = keys.double(), missing.double()
    size = len(keys)
    whole = torch.eye(size, dtype=torch.double, device=keys.device)
    if kept is not None:
        mean = kept.double().diagonal().mean().clamp_min(1e-300)
        whole = kept.double() + ridge * mean * whole
    reached = torch.linalg.solve(whole, keys)
    # Names with like keys make the small system singular; the pseudo-inverse shares them out.
    change: Tensor = missing @ torch.linalg.pinv(keys.T @ reached) @ reached.T
    return change.float()


def _edited(model: Any, layers: Sequence[int]) -> list[Site]:
    depth = len(blocks_of(model))
    first = int(FIRST * depth)
    wanted = set(layers) or set(range(first, max(first + 1, round(LAST * depth))))
    sites = [site for site in mlp_sites(model) if site.value and site.layer in wanted]
    if {site.layer for site in sites} != wanted or len(sites) != len(wanted):
        message = (
            "redirecting a concept needs one second projection in the MLP of each edited block; "
            "this model's experts have several or keep them in one tensor; choose other layers"
        )
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    return sites


@torch.no_grad()
def _add(site: Site, change: Tensor) -> None:
    site.weight.add_(change.to(site.weight))
