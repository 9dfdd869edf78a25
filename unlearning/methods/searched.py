"""A method at the strength that a search finds for this model and this request.

Runs the method of ``method`` at several strengths along the axis of its card, judges every model
on a private split, and keeps the best (:mod:`unlearning.search`). What the search cost, what it
tried and what it kept is in the result.

Limits: for whole models and for methods whose card declares an axis and removal; the never-trained
persons are halved between the method's stopping rule and the judge, so it needs twice as many; a
search costs its trials. What it found holds for like requests on the same model: give them its
strength instead of a search of their own.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from contract.canonical import read_json, write_json
from contract.catalog import Axis, Effect
from contract.record import FROZEN, write_records
from contract.result import ErrorCode, JobError
from unlearning import models, registry
from unlearning.registry import Method, method
from unlearning.search import RUINED, Judge, Judgement, JudgeSettings, Trial, search, split_twins
from unlearning.spec import Context, Outcome

TRIAL = "trial.json"


@settings_dataclass(frozen=True, config=FROZEN)
class Settings:
    """Which ``method`` to search for, at which other ``settings``, with how many trials."""

    method: str = "npo"
    settings: Mapping[str, Any] = field(default_factory=dict)
    budget: int = Field(default=6, ge=1)
    judge: JudgeSettings = field(default_factory=JudgeSettings)


@method(
    title="Automatic search",
    effect=Effect.REMOVAL,
    summary="Tries a method at several strengths, judges each on records that no verification "
    "uses, and keeps the best.",
    source="bisection on a private split; see arXiv 2605.24614 on why defaults do not transfer",
    needs=("forget", "retain", "calibration"),
)
def searched(context: Context, settings: Settings) -> Outcome:
    """Search, and save the model of the best trial."""
    inner, axis = _searchable(settings)
    tokenizer = models.load_tokenizer(context.model_path)
    stopping, judging = split_twins(context.records("calibration"), context.job.seed)
    if not stopping or not judging:
        message = "a search needs never-trained records of at least two paths in the calibration"
        raise JobError(ErrorCode.DATA_MISSING, message)
    original = models.load_model(context.model_path, context.device)
    judge = Judge.of(context, original, tokenizer, settings.judge, judging)
    trials = _Trials(context, inner, settings, axis, judge, _written(context, stopping))
    best, tried = search(axis, settings.budget, trials)
    kept = trials.folder(best.number)
    shutil.copytree(kept / "output", context.output, dirs_exist_ok=True)
    outcome = read_json(kept / TRIAL)
    metrics = {**outcome["metrics"], **_metrics(axis, best, tried, trials)}
    return Outcome("whole", metrics, (*outcome["notes"], *_notes(axis, best, tried)))


def _searchable(settings: Settings) -> tuple[Method[Any], Axis]:
    known = {
        name: item
        for name, item in registry.methods().items()
        if item.card.axis is not None and item.card.effect is Effect.REMOVAL
    }
    if settings.method not in known:
        raise registry.unknown(settings.method, tuple(known))
    inner = known[settings.method]
    return inner, inner.card.axis  # type: ignore[return-value]  # known have one


def _written(context: Context, records: list[Any]) -> Path:
    """Write the never-trained records that the trials may see; returns the file."""
    path = context.work / "stopping.jsonl"
    write_records(path, records)
    return path.resolve()


@dataclass
class _Trials:
    """Runs a trial in a folder of its own, or reads what became of it before a restart."""

    context: Context
    inner: Method[Any]
    settings: Settings
    axis: Axis
    judge: Judge
    calibration: Path

    def folder(self, number: int) -> Path:
        """Return where a trial keeps its work and its model."""
        return self.context.work / f"trial-{number}"

    def __call__(self, number: int, strength: float) -> Judgement:
        """Try a strength and judge its model."""
        path = self.folder(number) / TRIAL
        if not path.exists():
            began = time.process_time()
            judgement, outcome = self._tried(number, strength)
            content = {
                "judgement": {name: getattr(judgement, name) for name in _SHOWN},
                "metrics": dict(outcome.metrics),
                "notes": list(outcome.notes),
                "seconds": time.process_time() - began,
            }
            write_json(path, content)
        shown = read_json(path)["judgement"]
        self.context.events.emit(
            "searching", f"{self.axis.setting} {strength:g}", done=number + 1, metrics=shown
        )
        return Judgement(**shown, limits=self.settings.judge)

    def _tried(self, number: int, strength: float) -> tuple[Judgement, Outcome]:
        job = self.context.job
        folder = self.folder(number)
        shutil.rmtree(folder / "output", ignore_errors=True)
        (folder / "output").mkdir(parents=True)
        data = replace(job.data, calibration=str(self.calibration))
        inside = replace(
            self.context, job=replace(job, data=data), work=folder, output=folder / "output"
        )
        values = {**self.settings.settings, self.axis.setting: strength}
        settings = registry.parse_settings(self.inner.settings, values)
        try:
            self.inner.check(inside)
            outcome = self.inner.apply(inside, settings)
        except JobError as error:
            if error.code is not ErrorCode.DIVERGED:
                raise
            return RUINED, Outcome("whole", notes=(error.message,))
        with suppress(FileNotFoundError):
            for left in folder.glob("*.checkpoint"):
                left.unlink()
        model = models.load_model(folder / "output", self.context.device)
        return self.judge(model), outcome

    def seconds(self, tried: list[Trial]) -> float:
        """Return the CPU seconds that all trials took."""
        spent = (read_json(self.folder(trial.number) / TRIAL)["seconds"] for trial in tried)
        return float(sum(spent))


_SHOWN = ("rank", "relearned", "lost")


def _metrics(axis: Axis, best: Trial, tried: list[Trial], trials: _Trials) -> dict[str, float]:
    shown = asdict(best.judgement)
    return {
        f"search_{axis.setting}": best.strength,
        "search_trials": float(len(tried)),
        "search_seconds": trials.seconds(tried),
        **{f"search_{name}": shown[name] for name in _SHOWN},
    }


def _notes(axis: Axis, best: Trial, tried: list[Trial]) -> tuple[str, ...]:
    strengths = ", ".join(f"{trial.strength:g}" for trial in tried)
    found = f"The search tried {axis.setting} {strengths} and kept {best.strength:g}."
    if best.judgement.fault == 0:
        return (found,)
    return (found, "No strength passed the search's own judgement; the least faulty was kept.")
