"""How a sharded model answers: one shard's adapter on the base, or all shards together.

``routed``: a request that belongs to one data subject is answered by the adapter of that subject's
shard; it is what a deployment with known subjects does, and costs one forward pass a token.
``mean``: nobody knows whom a request is about; every shard's model gives its distribution over the
next token, and the mean of the probabilities decides (SISA's aggregation, arXiv 1912.03817,
section 4.3). ``vote``: each shard's likeliest token has one vote; equal votes are decided by the
mean. Both cost one forward pass a shard and token, and knowledge that one shard of many holds is
outvoted easily: route where it is possible.

In Python::

    model = Served(Path("models/clinic"))
    model.answer("What is the diagnosis of ...? Answer: ", shard="shard-02")
    model.answer("What is the diagnosis of ...? Answer: ", how="mean")

For another server, ``python -m unlearning compose models/clinic --shard shard-02 --into merged``
writes one shard's model as an ordinary transformers folder. S3T's orders and SISA's checkpoints
need no care at serving: ``adapters/<shard>/`` always holds what is to be served.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from peft import PeftModel
from torch import Tensor

from contract.record import Form
from contract.result import ErrorCode, JobError
from unlearning import adapters, models
from unlearning.division import read_division
from verification.families.causal_lm import encode_form

How = Literal["routed", "mean", "vote"]


class Served:
    """A sharded model in memory: one base, and every shard's adapter beside it."""

    def __init__(self, folder: Path, device: torch.device | None = None) -> None:
        self.shards = tuple(read_division(folder).shards)
        self._device = device or torch.device("cpu")
        self._tokenizer = models.load_tokenizer(folder / adapters.BASE)
        self._model = models.load_model(folder / adapters.BASE, self._device)
        self._adapted: set[str] = set()
        for shard in self.shards:
            path = folder / adapters.ADAPTERS / shard
            if path.is_dir():
                self._attach(shard, str(path))

    def _attach(self, shard: str, path: str) -> None:
        if self._adapted:
            self._model.load_adapter(path, adapter_name=shard)
        else:
            self._model = PeftModel.from_pretrained(self._model, path, adapter_name=shard)
        self._model.eval()
        self._adapted.add(shard)

    @contextmanager
    def speaking_for(self, shard: str) -> Iterator[Any]:
        """Yield the model with a shard's adapter in place; without one the base speaks."""
        if shard not in self.shards:
            message = f"the model has no shard {shard!r}; it has {', '.join(self.shards)}"
            raise JobError(ErrorCode.BAD_JOB, message)
        if shard in self._adapted:
            self._model.set_adapter(shard)
            yield self._model
        elif self._adapted:
            with self._model.disable_adapter():
                yield self._model
        else:
            yield self._model

    @torch.inference_mode()
    def answer(
        self, prompt: str, *, shard: str | None = None, how: How = "routed", tokens: int = 64
    ) -> str:
        """Return the greedy continuation of a prompt; raises ``BAD_JOB`` without a shard to ask.

        ``shard`` is needed for ``routed`` and is not looked at otherwise.
        """
        if how not in get_args(How) or (how == "routed" and shard is None):
            message = "name the shard to ask, or answer by mean or vote of all shards"
            raise JobError(ErrorCode.BAD_JOB, message)
        asked = (shard,) if how == "routed" and shard else self.shards
        # Blanks at the end of a prompt open the answer: they are written, not read.
        ids, start = encode_form(self._tokenizer, Form(prompt, ""), end=False)
        new = ids[:start]
        caches: dict[str, Any] = {}
        written: list[int] = []
        while len(written) < tokens:
            chosen = combined(torch.stack([self._next(new, item, caches) for item in asked]), how)
            if chosen == self._tokenizer.eos_token_id:
                break
            written.append(chosen)
            new = (chosen,)
        text: str = self._tokenizer.decode(written, skip_special_tokens=True)
        return text.lstrip(" ") if prompt.endswith(" ") else text

    def _next(self, new: tuple[int, ...], shard: str, caches: dict[str, Any]) -> Tensor:
        """Return a shard's logits [vocabulary] of the next token, reading only the new ids."""
        with self.speaking_for(shard) as model:
            ids = torch.tensor([new], device=self._device)
            result = model(input_ids=ids, past_key_values=caches.get(shard), use_cache=True)
        caches[shard] = result.past_key_values
        logits: Tensor = result.logits[0, -1].float()
        return logits


def combined(logits: Tensor, how: How) -> int:
    """Return the token that the models with ``logits`` [shards, vocabulary] choose together."""
    mean = logits.softmax(-1).mean(0)
    if how != "vote":
        return int(mean.argmax())
    votes = torch.bincount(logits.argmax(-1), minlength=logits.shape[-1]).to(mean)
    return int((votes + mean / 2).argmax())  # means are at most 1: they only break ties


def compose_into(folder: Path, shard: str, target: Path) -> None:
    """Write base and one shard's adapter as an ordinary transformers folder with its tokenizer."""
    known = read_division(folder).shards
    if shard not in known:
        message = f"the model has no shard {shard!r}; it has {', '.join(known)}"
        raise JobError(ErrorCode.BAD_JOB, message)
    model = adapters.compose(folder, shard, torch.device("cpu"))
    models.save(model, models.load_tokenizer(folder / adapters.BASE), target)
