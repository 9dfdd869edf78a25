"""Other answers to the same prompts, written by the model itself.

Without an instruction the model leaves the true answer at one of its tokens and goes on by itself:
it reads the true answer up to there, the true token is forbidden once, and what follows is drawn
from its own distribution. Where it leaves is drawn too, rather where it is less certain: those are
the tokens that carry the fact, not the frame of the sentence. That works for any causal language
model. With an instruction, a chat model is asked for a plausible other answer, as in the paper of
AltPO.

Writing is slow, so it is done once per job: what a chunk of samples was given is kept in the work
folder, as token ids, and an interrupted job goes on with the next chunk. The draws depend on the
job's seed and the chunk alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from transformers import GenerationConfig

from contract.canonical import digest_json, read_json, write_json
from contract.record import FROZEN
from unlearning.data import Sample, chunks, collate
from unlearning.losses import answer_logits
from unlearning.objective import Texts
from unlearning.reference import tokenizer_digest

PHASE = "writing alternatives"
CHUNK = 16
"""How many samples are written for together: what an interruption can cost."""


@dataclass(frozen=True, config=FROZEN)
class AlternativeSettings:
    """``count`` answers for each form, drawn at ``temperature``, of at most ``tokens`` new tokens.

    ``instruction``: asks a chat model for them, with ``{prompt}`` and ``{answer}`` in it; empty,
    the model leaves the true answer half-way.
    """

    count: int = Field(default=5, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    tokens: int = Field(default=200, ge=1)
    instruction: str = ""


def written(texts: Texts, settings: AlternativeSettings) -> Sequence[Sequence[Sample]]:
    """Return the alternatives of each forget sample; none of them is the true answer."""
    context, found = texts.context, []
    key = {
        "model": context.model.digest,
        "tokenizer": tokenizer_digest(texts.tokenizer),
        "settings": vars(settings),
        "seed": context.job.seed,
    }
    for chunk in chunks(texts.forget, CHUNK):
        context.check_cancelled()
        digest = digest_json({**key, "samples": [sample.digest for sample in chunk]})
        path = context.work / f"alternatives-{digest.removeprefix('sha256:')}.json"
        if not path.is_file():
            write_json(path, _write(texts, settings, chunk, int(digest[-12:], 16)))
        for sample, answers in zip(chunk, read_json(path), strict=True):
            found.append(
                [Sample(sample.record, sample.form, tuple(ids), start) for ids, start in answers]
            )
        context.events.emit(PHASE, done=len(found), total=len(texts.forget))
    return found


def _write(
    texts: Texts, settings: AlternativeSettings, chunk: Sequence[Sample], seed: int
) -> list[list[tuple[list[int], int]]]:
    model, training = texts.model, texts.model.training
    model.eval()
    try:
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(seed)
            drawn = _drawn(texts, settings, chunk)
            return [[(list(item.ids), item.start) for item in answers] for answers in drawn]
    finally:
        model.train(training)


def _drawn(
    texts: Texts, settings: AlternativeSettings, chunk: Sequence[Sample]
) -> list[list[Sample]]:
    asked: list[list[Sample]] = [[] for _ in chunk]
    if settings.instruction:
        asked = [_distinct(_asked(texts, settings, sample), sample) for sample in chunk]
    if all(asked):
        return asked
    rounds = [_left(texts, settings, chunk) for _ in range(settings.count)]
    return [
        own or _distinct([answers[place] for answers in rounds], chunk[place])
        for place, own in enumerate(asked)
    ]


def _distinct(answers: Sequence[Sample], true: Sample) -> list[Sample]:
    """Return the answers without repetitions, empty ones and the true one."""
    kept = {item.ids: item for item in answers if item.answer_length > 1 and item.ids != true.ids}
    return list(kept.values())


def _left(texts: Texts, settings: AlternativeSettings, chunk: Sequence[Sample]) -> list[Sample]:
    """Return one answer for each sample that leaves the true one at a token and goes on."""
    logits = answer_logits(texts.model, collate(chunk, texts.context.device)).float()
    end = texts.tokenizer.eos_token_id
    prefixes = []
    for sample, own in zip(
        chunk, logits.split([sample.answer_length for sample in chunk]), strict=True
    ):
        true = torch.tensor(sample.ids[sample.start :], device=own.device)
        doubt = 1 - own.softmax(-1).gather(-1, true[:, None]).squeeze(-1) + 1e-6
        if len(doubt) > 1:
            doubt[-1] = 0  # the end token carries no fact
        leave = int(torch.multinomial(doubt, 1))
        scores = own[leave] / settings.temperature
        scores[true[leave]] = -torch.inf
        if end is not None:
            scores[end] = -torch.inf
        token = int(torch.multinomial(scores.softmax(-1), 1))
        prefixes.append((*sample.ids[: sample.start + leave], token))
    rest = _continued(texts, prefixes, settings)
    return [
        Sample(sample.record, sample.form, (*prefix, *more), sample.start)
        for sample, prefix, more in zip(chunk, prefixes, rest, strict=True)
    ]


def _asked(texts: Texts, settings: AlternativeSettings, sample: Sample) -> list[Sample]:
    """Return what a chat model writes when asked for another answer."""
    form, tokenizer = texts.record_form(sample), texts.tokenizer
    text = settings.instruction.replace("{prompt}", form.prompt).replace("{answer}", form.answer)
    if tokenizer.chat_template:
        turn = [{"role": "user", "content": text}]
        text = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    ids = tuple(tokenizer.encode(text, add_special_tokens=not tokenizer.chat_template))
    rows = _continued(texts, [ids] * settings.count, settings)
    answers = [tokenizer.decode(row, skip_special_tokens=True).strip() for row in rows]
    lines = [answer.split("\n")[0].strip() for answer in answers]
    return [texts.answered(sample, line) for line in lines if line]


def _continued(
    texts: Texts, prompts: Sequence[tuple[int, ...]], settings: AlternativeSettings
) -> list[tuple[int, ...]]:
    """Continue each prompt by drawing tokens, up to the end token, that one included."""
    model, device, width = texts.model, texts.context.device, max(map(len, prompts))
    end = texts.tokenizer.eos_token_id
    fill = 0 if end is None else end
    own = model.generation_config  # may hold filters of the folder's
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=settings.temperature,
        top_k=0,
        max_new_tokens=_room(model, width, settings.tokens),
        pad_token_id=fill,
        eos_token_id=end,
    )
    try:
        output = model.generate(
            input_ids=_padded(prompts, width, fill).to(device),
            attention_mask=_padded([(1,) * len(item) for item in prompts], width, 0).to(device),
        )
    finally:
        model.generation_config = own
    return [_until(row, end) for row in output[:, width:].tolist()]


def _room(model: Any, used: int, wanted: int) -> int:
    """Return how many tokens may be written before the model's context ends."""
    limit = getattr(model.config, "max_position_embeddings", None) or used + wanted
    return max(1, min(wanted, limit - used))


def _padded(rows: Sequence[tuple[int, ...]], width: int, fill: int) -> Tensor:
    """Return the rows as a tensor, padded on the left."""
    return torch.tensor([(fill,) * (width - len(row)) + row for row in rows])


def _until(row: Sequence[int], end: int | None) -> tuple[int, ...]:
    return (*row[: row.index(end)], end) if end is not None and end in row else tuple(row)
