"""What a verification gathered, as the policy reads it."""

from __future__ import annotations

from dataclasses import dataclass

from contract.catalog import Effect
from contract.report import CheckResult, Gate, Verdict


@dataclass(frozen=True)
class Evidence:
    """Gates and results with the sizes behind them.

    ``effect`` is what the method that made the model claims; ``earlier_attempts`` counts the
    candidates that were refuted before it for the same request.
    """

    gates: tuple[Gate, ...]
    checks: tuple[CheckResult, ...]
    effect: Effect | None
    records: int
    twins: int
    twin_subjects: int
    earlier_attempts: int = 0

    def gate(self, name: str) -> Gate | None:
        """Return the gate of that name, if it was evaluated."""
        return next((gate for gate in self.gates if gate.name == name), None)

    @property
    def lineage_verified(self) -> bool:
        """Say whether the training records of the candidate were shown to hold none of these."""
        gate = self.gate("lineage")
        return gate is not None and gate.verdict is Verdict.PASS
