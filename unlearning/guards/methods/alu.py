"""ALU: agents that answer, audit, rewrite, criticise and compose at every question.

Idea: leave the model alone and let further calls of it (or of another model) look after each other:
Vanilla answers, AuditErase finds what touches the forgotten persons and rewrites it, Critic marks
the rewritings, Composer merges the best (:mod:`unlearning.guards.agents`). Nothing is trained, and
it works over any local model or endpoint. The number of calls is bounded and does not grow with
the number of persons.

Paper: Sanyal and Mandal, "Agents Are All You Need for LLM Unlearning", arXiv 2502.00406. Different
here: in doubt it refuses, and an answer that still holds a name is never given.

Limits: this is containment. The **names stand in plain text** in the guard's folder and in every
prompt of the agents, so also at an endpoint. As good as the model that audits: a small one misses
indirect questions, and facts can be put together over several conversations. Up to
``3 + 2 * variants`` calls an answer. Taking the guard off brings everything back.
"""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from contract.canonical import write_json
from contract.catalog import Effect
from contract.guard import GuardManifest, write_guard
from contract.record import FROZEN
from unlearning.guards.agents import NAMES
from unlearning.guards.names import names_of
from unlearning.registry import method
from unlearning.spec import Context, Outcome

KEEPS = ("The names of the forgotten persons, in plain text; every agent is told them.",)


@dataclass(frozen=True, config=FROZEN)
class Settings:
    """How many rewritings, and which are good enough.

    ``subject_level``: depth (0-based) of a data subject in a record's path; its node is the name.
    ``accept``: the lowest mark of the critic that counts, ``merge``: how many are merged,
    ``tokens``: the longest answer of any agent.
    """

    subject_level: int = Field(default=0, ge=0)
    variants: int = Field(default=3, ge=1, le=10)
    merge: int = Field(default=2, ge=1)
    accept: int = Field(default=4, ge=1, le=5)
    tokens: int = Field(default=256, ge=1)


@method(
    title="Auditing agents (ALU)",
    effect=Effect.SERVE_SUPPRESSION,
    summary="Containment at serving: agents audit and rewrite each answer, over any local model or "
    "endpoint; the names are kept in plain text while it serves.",
    source="arXiv 2502.00406",
    needs=("forget",),
)
def alu(context: Context, settings: Settings) -> Outcome:
    """Write the guard's folder; nothing is trained."""
    names = names_of(context.records("forget"), settings.subject_level)
    write_json(context.output / NAMES, {"names": list(names)})
    kept = {name: getattr(settings, name) for name in ("variants", "merge", "accept", "tokens")}
    write_guard(context.output, GuardManifest("alu", context.model.digest, KEEPS, kept))
    metrics = {"persons": float(len(names)), "most_calls": float(3 + 2 * settings.variants)}
    return Outcome("guard", metrics, ("This is containment: the weights are unchanged.",))
