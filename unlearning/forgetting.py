"""The phase that every gradient method shares: push the records out, hold the rest.

One step is one packed forward pass over the groups of the method's objective and the retained
records; the model before unlearning is a cache of numbers (:mod:`unlearning.reference`); the end
is calibrated on never-trained persons where they are given (:mod:`unlearning.stopping`). A method
brings its settings, a subclass of :class:`unlearning.mixture.ForgetSettings`, and an
:class:`unlearning.objective.Objective`, under :func:`gradient_method`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from dataclasses import replace
from itertools import chain
from statistics import fmean
from typing import Any, TypeVar, get_type_hints

from peft import PeftModel

from contract.catalog import Axis, Effect
from contract.result import ErrorCode, JobError
from unlearning import adapters, models, registry
from unlearning.collapse import CollapseGuard
from unlearning.data import Batches, Sample, distinct, encode, encode_required
from unlearning.engine import WHOLE, Phase, Piece, Schedule, fit
from unlearning.mixture import ForgetSettings, Mixture
from unlearning.objective import FORGET, RETAIN, Objective, Terms, Texts
from unlearning.reference import ReferenceCache, mean_nll, used
from unlearning.selectors import All, Material, Selection, Selector, select
from unlearning.spec import Context, Outcome
from unlearning.stopping import NO_TWINS, CalibratedStop, private_probes
from unlearning.wrappers import Wrapper

__all__ = [
    "ForgetSettings",
    "Forgetting",
    "Forgotten",
    "Mixture",
    "forget_records",
    "gradient_method",
    "unlearn",
]
PHASE = "forgetting"
LEARNING_RATE = Axis("learning_rate", 1e-5, 1e-2)
"""How hard a gradient method works, as far as a search is concerned."""
UNHELD = "No other records were read: nothing held the rest of the model, and nothing watched it."
SettingsT = TypeVar("SettingsT", bound="ForgetSettings")


@plain_dataclass(frozen=True)
class Forgetting:
    """The loss of the phase as a function of the step.

    ``riders`` are, for each group that rides along, the alternatives of every forget sample.
    """

    model: Any
    mixture: Mixture
    forget: Batches
    retain: Batches | None
    riders: Mapping[str, Mapping[str, Sequence[Sample]]]
    cache: ReferenceCache

    def groups(self, step: int) -> dict[str, list[Sample]]:
        """Return the samples of a step, by group; alternatives take turns, one an epoch."""
        forget = self.forget.at(step)
        epoch = step // self.forget.per_epoch
        found = {FORGET: forget}
        for name, beside in self.riders.items():
            choices = [beside[sample.digest] for sample in forget]
            found[name] = [of[epoch % len(of)] for of in choices]
        if self.retain is not None:
            found[RETAIN] = self.retain.at(step)
        return found

    def loss(self, step: int, piece: Piece = WHOLE) -> Terms:
        """Return the terms of a step, or of a piece of it."""
        return self.mixture.terms(self.model, self.groups(step), self.cache, piece)

    def pieces(self, step: int) -> int:
        """Return into how many pieces a step can be cut: a row of some group in each."""
        return max(map(len, self.groups(step).values()))

    def fill(self, context: Context, steps: int) -> None:
        """Measure what the terms need of the model before unlearning, on the samples they see."""
        forget = list(used(self.forget, steps))
        seen: dict[str, Sequence[Sample]] = {
            FORGET: forget,
            RETAIN: [] if self.retain is None else list(used(self.retain, steps)),
            **{
                name: [*chain.from_iterable(beside[sample.digest] for sample in forget)]
                for name, beside in self.riders.items()
            },
        }
        for group, samples in seen.items():
            for need in self.mixture.needs(group):
                self.cache.fill(self.model, samples, context.device, need)
                context.check_cancelled()


@plain_dataclass(frozen=True)
class Forgotten:
    """What the phase made: the model, and metrics and notes for the result."""

    model: Any
    metrics: Mapping[str, float]
    notes: tuple[str, ...]


def forget_records(
    context: Context, model: Any, tokenizer: Any, settings: ForgetSettings, objective: Objective
) -> Forgotten:
    """Unlearn the job's forget records; ``model`` is changed, and what comes back is to be used."""
    seed = context.job.seed
    forgetting = _prepared(context, model, tokenizer, settings, objective)
    retain = [] if forgetting.retain is None else forgetting.retain.samples
    material = Material(forgetting.forget.samples, retain, context.device, seed)
    selection = _selected(model, objective.selector(settings.select, model), material, settings)
    forgetting = replace(forgetting, model=adapters.inner(selection.module))
    watch = _watch(context, forgetting, tokenizer, settings)
    guard = None
    if retain:
        guard = CollapseGuard(forgetting.model, retain, settings.guard, context.device)
        guard.before()
    done = fit(
        context,
        Phase(
            name=PHASE,
            module=selection.module,
            schedule=Schedule(settings.steps, settings.learning_rate, settings.warmup),
            loss=forgetting.loss,
            watch=watch,
            pieces=forgetting.pieces,
            wrap=Wrapper(settings.wrap, seed) if settings.wrap else None,
            state=forgetting.mixture.balance,
            guard=guard,
            engine=settings.engine,
        ),
    )
    metrics = {"forgetting_steps": float(done.steps), "forgetting_loss": done.loss}
    notes = (*objective.notes, *done.notes, *((NO_TWINS,) if watch is None else watch.notes))
    if watch is None and not retain:
        notes = (*notes, UNHELD)
    metrics |= {**selection.metrics, **({} if watch is None else watch.metrics)}
    made = selection.adapter() if settings.engine.save == "adapter" else selection.finish()
    return Forgotten(made, metrics, notes)


def _selected(
    model: Any, selector: Selector, material: Material, settings: ForgetSettings
) -> Selection:
    """Choose what trains; raises ``BAD_JOB`` when that cannot be kept as the settings ask."""
    if isinstance(model, PeftModel):  # the adapter that the model came with
        if not isinstance(selector, All):
            message = "a model kept as an adapter trains that adapter alone; leave the selector out"
            raise JobError(ErrorCode.BAD_JOB, message)
        return Selection(model)
    selection = select(model, selector, material)
    if settings.engine.save == "adapter" and not selection.is_adapter:
        message = "only a LoRA selector leaves an adapter to save; choose select: {kind: lora}"
        raise JobError(ErrorCode.BAD_JOB, message)
    return selection


def _prepared(
    context: Context, model: Any, tokenizer: Any, settings: ForgetSettings, objective: Objective
) -> Forgetting:
    """Encode what the phase reads and measure what it needs of the model before."""
    recipe, seed = context.job.recipe, context.job.seed
    records = {record.id: record for record in context.records("forget")}
    forget = encode_required(tokenizer, records.values(), recipe.forms, "forget")
    forget = distinct(forget, "forget", context.note)
    retain = _retained(context, tokenizer, settings, objective)
    texts = Texts(context, model, tokenizer, records, forget)
    forgetting = Forgetting(
        model=adapters.inner(model),
        mixture=Mixture(
            objective, settings, _levels(context, model, tokenizer, settings, objective)
        ),
        forget=Batches(forget, settings.forget_batch, seed),
        retain=Batches(retain, settings.retain_batch, seed + 1) if retain else None,
        riders={
            name: {sample.digest: of for sample, of in zip(forget, choices, strict=True)}
            for name, choices in objective.riders(texts).items()
        },
        cache=ReferenceCache(context.work, context.model.digest, tokenizer),
    )
    forgetting.fill(context, settings.steps)
    context.events.emit(PHASE, "the model before unlearning is measured")
    return forgetting


def _levels(
    context: Context, model: Any, tokenizer: Any, settings: ForgetSettings, objective: Objective
) -> dict[str, float] | None:
    """Return, by form, what is enough.

    Raises ``BAD_JOB`` if the method pushes no answers, ``DATA_MISSING`` if there is nobody to
    measure by.
    """
    if settings.ceiling is None:
        return None
    if not objective.gated:
        message = "this method makes no answer unlikely, so there is none to leave alone"
        raise JobError(ErrorCode.BAD_JOB, f"{message}; leave the setting ceiling out")
    if not context.has("calibration"):
        message = "a ceiling is measured on calibration records, and the job brings none"
        raise JobError(ErrorCode.DATA_MISSING, message)
    found = {}
    for form in context.job.recipe.forms:
        samples = encode(tokenizer, context.records("calibration"), [form])
        if samples:
            costs = mean_nll(adapters.inner(model), samples, context.device)
            found[form] = settings.ceiling * fmean(costs)
    return found


def unlearn(context: Context, settings: ForgetSettings, objective: Objective) -> Outcome:
    """Load the job's model, unlearn by the objective, and save it."""
    tokenizer = models.load_tokenizer(context.model_path)
    stack: models.Stack = "keep" if settings.engine.save == "adapter" else "merge"
    model = models.load_model(context.model_path, context.device, stack=stack, shared=True)
    done = forget_records(context, model, tokenizer, settings, objective)
    models.save_result(context, done.model, tokenizer)
    return Outcome("whole", done.metrics, done.notes)


def gradient_method(  # noqa: PLR0913 - a card has this many lines
    *,
    title: str,
    effect: Effect,
    summary: str,
    source: str,
    needs: tuple[str, ...] = ("forget", "retain"),
    axis: Axis = LEARNING_RATE,
) -> Callable[[Callable[[SettingsT], Objective]], registry.Method[SettingsT]]:
    """Turn ``function(settings) -> Objective`` into a registered method named after its file.

    Methods that work around any loss (distillation, experts, layers) find it again by name with
    :func:`unlearning.registry.gradient`.
    """

    def register(build: Callable[[SettingsT], Objective]) -> registry.Method[SettingsT]:
        def apply(context: Context, settings: SettingsT) -> Outcome:
            return unlearn(context, settings, build(settings))

        apply.__module__ = build.__module__
        apply.__annotations__ = {"settings": get_type_hints(build)["settings"]}
        made = registry.method(
            title=title, effect=effect, summary=summary, source=source, needs=needs, axis=axis
        )(apply)
        return replace(made, objective=build)

    return register


def _retained(
    context: Context, tokenizer: Any, settings: ForgetSettings, objective: Objective
) -> list[Sample]:
    if settings.retain_term == "none" and settings.constraint is None and not objective.retains:
        return []
    forms = context.job.recipe.forms
    retain = encode_required(tokenizer, context.records("retain"), forms, "retain")
    return distinct(retain, "retain", context.note)


def _watch(
    context: Context, forgetting: Forgetting, tokenizer: Any, settings: ForgetSettings
) -> CalibratedStop | None:
    retain = forgetting.retain.samples if forgetting.retain is not None else []
    if not retain and context.has("retain"):  # the guard may look at what the loss does not read
        retain = encode(tokenizer, context.records("retain"), context.job.recipe.forms)
    probes = private_probes(context, tokenizer, retain)
    if probes is None:
        return None
    tokens = sum(
        fmean(len(sample.ids) for sample in batches.samples) * batches.size
        for batches in (forgetting.forget, forgetting.retain)
        if batches is not None
    )
    return CalibratedStop(
        forgetting.model, probes, settings.stop, context.device, tokens, context.job.seed
    )
