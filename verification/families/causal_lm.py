"""Causal language models in the transformers format, whole or as a base with LoRA shards.

A sharded model is a folder with ``base/`` (a transformers folder), ``adapters/<shard>/`` (a
peft LoRA adapter each) and ``shards.json``. A deployment serves a request with the base and the
adapter of the requester's shard; :func:`load` composes the two into one ordinary model.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from contract.canonical import read_json
from contract.record import Form
from contract.result import ErrorCode, JobError

SHARDS_FILE = "shards.json"
VALUE_PROJECTION = re.compile(
    r"\.(?:mlp\.(?:shared_experts?\.)?(?:down_proj|c_proj|fc2|dense_4h_to_h)"
    r"|experts\.\d+\.(?:down_proj|w2)"
    r"|layers\.\d+\.fc2)\.weight$"
)
"""The second linear layer of an MLP: Llama, Qwen, Gemma; GPT-2; Phi; GPT-NeoX; one expert; OPT."""
EXPERTS_PROJECTION = re.compile(r"\.experts\.down_proj$")
"""The same of all experts of a layer in one tensor [experts, ., .]: Mixtral, Qwen-MoE, OLMoE."""


@dataclass(frozen=True)
class Encoded:
    """Token ids of prompt + answer; the answer begins at index ``start``."""

    ids: tuple[int, ...]
    start: int

    @property
    def answer(self) -> tuple[int, ...]:
        """Return the ids of the answer."""
        return self.ids[self.start :]


@dataclass(frozen=True)
class CausalLM:
    """A loaded model. ``key`` names its weights: two models with one key are the same model."""

    key: str
    model: Any
    tokenizer: Any
    device: torch.device

    def encode(self, form: Form, *, end: bool = False) -> Encoded:
        """Tokenise a form; nothing but answer ids is ever scored."""
        return Encoded(*encode_form(self.tokenizer, form, end=end))

    def encode_prompt(self, prompt: str) -> tuple[int, ...]:
        """Tokenise a prompt as :meth:`encode` does, for the model to go on from."""
        encoded = self.encode(Form(prompt, ""))
        return encoded.ids[: encoded.start]

    @property
    def vocabulary(self) -> int:
        """Return how many tokens the model chooses among."""
        size: int = self.model.config.vocab_size
        return size

    def logits(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return logits [rows, length, vocabulary] for ids [rows, length], padded right."""
        logits: Tensor = self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        return logits

    def continued(self, prompts: Sequence[tuple[int, ...]], tokens: int) -> list[tuple[int, ...]]:
        """Continue each prompt greedily by at most ``tokens`` tokens, in one batch."""
        width = max(len(prompt) for prompt in prompts)
        end = self.tokenizer.eos_token_id
        ids = torch.tensor([(end,) * (width - len(item)) + item for item in prompts])
        mask = torch.tensor([(0,) * (width - len(item)) + (1,) * len(item) for item in prompts])
        with torch.inference_mode():
            output = self.model.generate(
                input_ids=ids.to(self.device),
                attention_mask=mask.to(self.device),
                max_new_tokens=tokens,
                do_sample=False,
                pad_token_id=end,
                eos_token_id=end,
            )
        return [_until(row, end) for row in output[:, width:].tolist()]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, special tokens left out."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text

    def value_matrices(self, *, gradients: bool = False) -> Mapping[str, Tensor]:
        """Return, by parameter name, the value vectors of each MLP as a view [units, hidden].

        Column ``j`` of an MLP's second projection is what unit ``j`` writes into the residual
        stream (Geva et al., arXiv 2012.14913). GPT-2 stores that matrix transposed; every expert
        of a mixture has a matrix of its own (``...experts.down_proj[3]``). With ``gradients`` the
        same views of the gradients, parameters without one left out.
        """
        found = {}
        for name, parameter in self.model.named_parameters():
            held = parameter.grad if gradients else parameter
            if held is None:
                continue
            if VALUE_PROJECTION.search(name):
                found[name] = held if ".c_proj." in name else held.T
            elif EXPERTS_PROJECTION.search(name):
                owner = self.model.get_submodule(name.rpartition(".")[0])
                transposed = getattr(owner, "is_transposed", False)
                for expert, matrix in enumerate(held):
                    found[f"{name}[{expert}]"] = matrix if transposed else matrix.T
        return found

    def top_tokens(self, vectors: Tensor, count: int) -> list[frozenset[str]]:
        """Return the ``count`` tokens that each vector [n, hidden] promotes most, as strings."""
        unembedding = self.model.get_output_embeddings().weight
        best = (vectors.to(unembedding) @ unembedding.T).topk(min(count, len(unembedding))).indices
        return [frozenset(self.tokenizer.convert_ids_to_tokens(row)) for row in best.tolist()]

    def copied(self, key: str) -> CausalLM:
        """Return an independent copy under another key, for an attack to change."""
        return replace(self, key=key, model=copy.deepcopy(self.model))


def _until(row: Sequence[int], end: int) -> tuple[int, ...]:
    """Return the ids up to the end token, that one included."""
    return tuple(row[: row.index(end) + 1]) if end in row else tuple(row)


def encode_form(tokenizer: Any, form: Form, *, end: bool) -> tuple[tuple[int, ...], int]:
    """Return the ids of prompt + answer (+ the end token) and the index of the first answer id.

    Prompt and answer are tokenised apart, so that no token straddles the boundary. Blanks at the
    end of a prompt open the answer instead: byte-level BPE keeps a blank with the word after it.
    """
    prompt = form.prompt.rstrip(" ")
    head = tokenizer.encode(prompt, add_special_tokens=False)
    if not head:  # something must stand before the first answer token to predict it
        head = [tokenizer.eos_token_id]
    answer = form.prompt[len(prompt) :] + form.answer
    tail = tokenizer.encode(answer, add_special_tokens=False)
    closing = [tokenizer.eos_token_id] if end else []
    return (*head, *tail, *closing), len(head)


def load(
    path: Path, *, key: str, shard: str | None = None, device: torch.device | None = None
) -> CausalLM:
    """Load a model folder in float32 or its own precision; raises ``JobError``.

    With ``shard`` the folder is a sharded one, and the base is composed with that adapter.
    """
    place = device or torch.device("cpu")
    try:
        folder = path if shard is None else path / "base"
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
        if shard is not None:
            model = _composed(model, path / "adapters" / shard)
    except (OSError, ValueError, KeyError) as error:
        message = (
            f"the model folder cannot be read as a causal language model ({type(error).__name__})"
        )
        raise JobError(ErrorCode.MODEL_MISSING, message) from error
    model.to(place)  # type: ignore[arg-type]  # the stub of transformers hides torch's signature
    return CausalLM(key, model.eval(), tokenizer, place)


def _composed(model: Any, adapter: Path) -> Any:
    from peft import PeftModel  # noqa: PLC0415 - a second to import; whole models do without

    merged = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    # An adapter comes frozen; attribution and relearning need gradients.
    return merged.requires_grad_(requires_grad=True)


def shard_records(path: Path) -> Mapping[str, frozenset[str]]:
    """Return the record ids of every shard; raises ``MODEL_MISSING`` without ``shards.json``."""
    try:
        shards = read_json(path / SHARDS_FILE)["shards"]
    except (OSError, ValueError, KeyError) as error:
        message = f"the sharded model has no readable {SHARDS_FILE}"
        raise JobError(ErrorCode.MODEL_MISSING, message) from error
    return {name: frozenset(ids) for name, ids in shards.items()}


def shard_of(path: Path, record_ids: Iterable[str]) -> str:
    """Return the one shard that holds the records; raises ``NOT_SUPPORTED`` for none or several."""
    wanted = set(record_ids)
    hits = [name for name, ids in shard_records(path).items() if wanted & ids]
    if len(hits) != 1:
        message = (
            f"the records to forget lie in {len(hits)} shards of the model; "
            "verify each affected shard with a job of its own"
        )
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    return hits[0]
