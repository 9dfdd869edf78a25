"""Other answers to the same prompts, written by the model itself.

Without an instruction the model leaves the true answer at its first word of content and goes on by
itself. Content is what the model would not guess without the prompt: the words of an answer that
surprise it most when it reads the answer alone. These words are forbidden from there on, and what
is written instead is drawn from the model's own distribution; the frame of the sentence before
them is kept. That works for any causal language model. With an instruction, a chat model is asked
for a plausible other answer, as in the paper of AltPO.

Writing is slow, so it is done once per job: what a chunk of samples was given is kept in the work
folder, as token ids, and an interrupted job goes on with the next chunk. The draws depend on the
job's seed and the chunk alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from contract.canonical import digest_json, read_json, write_json
from contract.record import FROZEN
from contract.result import ErrorCode, JobError
from unlearning.data import Sample, chunks, collate
from unlearning.engine.processes import several
from unlearning.losses.forward import answer_states, head_of, in_pieces
from unlearning.losses.tokens import token_nll
from unlearning.objective import Texts
from unlearning.reference import tokenizer_digest
from verification.families.causal_lm.model import opening_ids

PHASE = "writing alternatives"
CHUNK = 16
"""How many samples are written for together: what an interruption can cost."""


@dataclass(frozen=True, config=FROZEN)
class AlternativeSettings:
    """``count`` answers for each form, of at most ``tokens`` new tokens.

    They are drawn at ``temperature`` from the likeliest tokens that hold ``top_p`` of the
    probability. ``instruction``: asks a chat model for them, with ``{prompt}`` and ``{answer}`` in
    it; empty, the model leaves the true answer by itself.
    """

    count: int = Field(default=5, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=0.9, gt=0, le=1)
    tokens: int = Field(default=200, ge=1)
    instruction: str = ""


def written(texts: Texts, settings: AlternativeSettings) -> Sequence[Sequence[Sample]]:
    """Return the alternatives of each forget sample; none of them is the true answer.

    Raises ``NOT_SUPPORTED`` when several processes hold the model.
    """
    context, found = texts.context, []
    if several():
        message = "alternatives are written by one process; run alt_po on one device, or choose dpo"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
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
    """Return one answer for each sample that leaves the true one at its content and goes on."""
    head = head_of(texts.model)
    begins = _words(texts.tokenizer, head.vocabulary).to(texts.context.device)
    states = answer_states(texts.model, collate(chunk, texts.context.device))
    prefixes, forbidden = [], []
    for sample, own, content in zip(
        chunk,
        states.split([sample.answer_length for sample in chunk]),
        _content(texts, chunk, begins),
        strict=True,
    ):
        leave = content[0]
        true = [sample.ids[sample.start + place] for place in content]
        scores = head(own[leave]).float() / settings.temperature
        scores[[*true, *_end(texts)]] = -torch.inf
        if begins[true[0]]:
            scores[~begins] = -torch.inf
        token = int(torch.multinomial(_nucleus(scores, settings.top_p), 1))
        prefixes.append((*sample.ids[: sample.start + leave], token))
        forbidden.append(true)
    rest = _continued(texts, prefixes, settings, forbidden)
    return [
        Sample(sample.record, sample.form, (*prefix, *more), sample.start)
        for sample, prefix, more in zip(chunk, prefixes, rest, strict=True)
    ]


def _content(texts: Texts, chunk: Sequence[Sample], begins: Tensor) -> list[list[int]]:
    """Return the places of each answer's words of content, at least one.

    These are the words at whose beginning the model, reading the answer without its prompt, is at
    least half as surprised as it is at any.
    """
    head = opening_ids(texts.tokenizer) or _end(texts) or (0,)
    alone = [
        Sample(item.record, item.form, (*head, *item.ids[item.start :]), len(head))
        for item in chunk
    ]
    batch = collate(alone, texts.context.device)
    states = answer_states(texts.model, batch)
    surprise = in_pieces(head_of(texts.model), states, token_nll, batch.targets)
    found = []
    for item, values in zip(chunk, surprise.split([i.answer_length for i in chunk]), strict=True):
        true = item.ids[item.start :]
        texty = [_has_letters(texts, token) for token in true]
        words = [place for place in range(len(true)) if place == 0 or begins[true[place]]]
        most = max(float(values[place]) for place in words if texty[place] or place == 0)
        spans = itertools.pairwise([*words, len(true)])
        content = [
            place
            for first, after in spans
            if float(values[first]) >= most / 2
            for place in range(first, after)
            if texty[place]
        ]
        found.append(content or [0])
    return found


def _has_letters(texts: Texts, token: int) -> bool:
    text = texts.tokenizer.decode([token])
    return token not in _end(texts) and any(map(str.isalnum, text))


def _words(tokenizer: Any, vocabulary: int) -> Tensor:
    """Return which tokens begin a word, [vocabulary]."""
    tokens = tokenizer.convert_ids_to_tokens(list(range(min(vocabulary, len(tokenizer)))))
    begin = [token is not None and token.startswith(("\u0120", "\u2581")) for token in tokens]
    return torch.tensor(begin + [False] * (vocabulary - len(begin)))


def _nucleus(scores: Tensor, top_p: float) -> Tensor:
    """Return the probabilities of the likeliest tokens that hold ``top_p``, the others zero."""
    ordered = scores.softmax(-1).sort(descending=True)
    before = ordered.values.cumsum(-1) - ordered.values
    kept = ordered.values.masked_fill(before >= top_p, 0.0)
    return torch.zeros_like(kept).scatter(-1, ordered.indices, kept)


def _end(texts: Texts) -> tuple[int, ...]:
    end = texts.tokenizer.eos_token_id
    return () if end is None else (end,)


class _Forbid(LogitsProcessor):
    """Keeps each row from its own forbidden tokens."""

    def __init__(self, forbidden: Sequence[Sequence[int]]) -> None:
        self._forbidden = forbidden

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the scores without them."""
        del input_ids
        for row, tokens in enumerate(self._forbidden):
            scores[row, list(tokens)] = -torch.inf
        return scores


def _asked(texts: Texts, settings: AlternativeSettings, sample: Sample) -> list[Sample]:
    """Return what a chat model writes when asked for another answer."""
    form, tokenizer = texts.record_form(sample), texts.tokenizer
    text = settings.instruction.replace("{prompt}", form.prompt).replace("{answer}", form.answer)
    if tokenizer.chat_template:
        turn = [{"role": "user", "content": text}]
        text = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    ids = tuple(tokenizer.encode(text, add_special_tokens=not tokenizer.chat_template))
    rows = _continued(texts, [ids] * settings.count, settings, [()] * settings.count)
    answers = [tokenizer.decode(row, skip_special_tokens=True).strip() for row in rows]
    lines = [answer.split("\n")[0].strip() for answer in answers]
    return [texts.answered(sample, line) for line in lines if line]


def _continued(
    texts: Texts,
    prompts: Sequence[tuple[int, ...]],
    settings: AlternativeSettings,
    forbidden: Sequence[Sequence[int]],
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
        top_p=settings.top_p,
        max_new_tokens=_room(model, width, settings.tokens),
        pad_token_id=fill,
        eos_token_id=end,
    )
    try:
        output = model.generate(
            input_ids=_padded(prompts, width, fill).to(device),
            attention_mask=_padded([(1,) * len(item) for item in prompts], width, 0).to(device),
            logits_processor=LogitsProcessorList([_Forbid(forbidden)]),
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
