"""A causal language model as the verifier asks it: raw weights, no chat wrapper, no filter."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig

from contract.record import Form
from contract.result import ErrorCode, JobError

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
    """Token ids of prompt + answer; the answer begins at index ``start``.

    ``cut`` counts the tokens left out at the beginning because the model's context is shorter.
    """

    ids: tuple[int, ...]
    start: int
    cut: int = 0

    @property
    def answer(self) -> tuple[int, ...]:
        """Return the ids of the answer."""
        return self.ids[self.start :]


@dataclass(frozen=True)
class CausalLM:
    """A loaded model. ``key`` names its weights: two models with one key are the same model.

    ``unused`` counts the weights in its folder that the model does not have.
    """

    key: str
    model: Any
    tokenizer: Any
    device: torch.device
    unused: int = 0

    @property
    def vocabulary(self) -> int:
        """Return how many tokens the model chooses among."""
        size: int = self.model.config.vocab_size
        return size

    @property
    def context(self) -> int | None:
        """Return how many tokens the model was built to read, if it says so."""
        return getattr(self.model.config, "max_position_embeddings", None)

    def encode(self, form: Form, *, end: bool = False) -> Encoded:
        """Tokenise a form; nothing but answer ids is ever scored.

        A prompt that does not fit the model's context is cut at its beginning; raises ``JobError``
        for an answer that does not fit by itself.
        """
        return self._fitting(*encode_form(self.tokenizer, form, end=end), room=0)

    def encode_prompt(self, prompt: str, room: int = 0) -> Encoded:
        """Tokenise a prompt as :meth:`encode` does, with room for as many tokens after it."""
        encoded = self.encode(Form(prompt, ""))
        return self._fitting(encoded.ids[: encoded.start], encoded.start, room=room)

    def _fitting(self, ids: tuple[int, ...], start: int, *, room: int) -> Encoded:
        cut = max(0, len(ids) + room - (self.context or len(ids) + room))
        if cut >= start:
            message = (
                f"an answer does not fit the model's context of {self.context} tokens; "
                "split its record into shorter ones"
            )
            raise JobError(ErrorCode.NOT_SUPPORTED, message)
        kept = min(len(opening_ids(self.tokenizer)) if cut else 0, start - cut - 1)
        return Encoded((*ids[:kept], *ids[kept + cut :]), start - cut, cut)

    def logits(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return logits [rows, length, vocabulary] for ids [rows, length], padded right."""
        logits: Tensor = self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        return logits

    def answer_logits(self, ids: Tensor, mask: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        """Return logits [places, vocabulary] in float32 at the given places alone.

        The output head is applied there only, so that a large vocabulary costs its rows of the
        answers and not of the prompts; whatever the model does to its logits afterwards it does.
        """
        with self._head_at(rows, positions) as places:
            logits = self.logits(ids, mask)
        return (logits[0] if places else logits[rows, positions]).float()

    @contextmanager
    def _head_at(self, rows: Tensor, positions: Tensor) -> Iterator[list[int]]:
        """Let the head see the given places only; the list is filled when it does."""
        head = self.model.get_output_embeddings()
        used: list[int] = []

        def choose(_: Any, inputs: tuple[Any, ...]) -> Any:
            used.append(len(rows))
            return (inputs[0][rows, positions][None], *inputs[1:])

        handle = head.register_forward_pre_hook(choose) if head is not None else None
        try:
            yield used
        finally:
            if handle is not None:
                handle.remove()

    def continued(self, prompts: Sequence[tuple[int, ...]], tokens: int) -> list[tuple[int, ...]]:
        """Continue each prompt by at most ``tokens`` tokens, in one batch, the likeliest first.

        The folder's own generation settings play no part: they may hold filters.
        """
        width = max(len(prompt) for prompt in prompts)
        end = self.tokenizer.eos_token_id
        fill = 0 if end is None else end
        ids = torch.tensor([(fill,) * (width - len(item)) + item for item in prompts])
        mask = torch.tensor([(0,) * (width - len(item)) + (1,) * len(item) for item in prompts])
        with torch.inference_mode(), self._greedy(tokens, fill):
            output = self.model.generate(
                input_ids=ids.to(self.device), attention_mask=mask.to(self.device)
            )
        return [_until(row, end) for row in output[:, width:].tolist()]

    @contextmanager
    def _greedy(self, tokens: int, fill: int) -> Iterator[None]:
        own = self.model.generation_config
        self.model.generation_config = GenerationConfig(
            max_new_tokens=tokens,
            do_sample=False,
            pad_token_id=fill,
            eos_token_id=self.tokenizer.eos_token_id,
        )
        try:
            yield
        finally:
            self.model.generation_config = own

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
            owner = self.model.get_submodule(name.rpartition(".")[0])
            if VALUE_PROJECTION.search(name):
                found[name] = held if type(owner).__name__ == "Conv1D" else held.T
            elif EXPERTS_PROJECTION.search(name):
                transposed = getattr(owner, "is_transposed", False)
                for expert, matrix in enumerate(held):
                    found[f"{name}[{expert}]"] = matrix if transposed else matrix.T
        return found

    def read_like(self, other: CausalLM) -> CausalLM:
        """Return the same model reading as ``other`` does, if it has the other's tokens.

        Whoever holds the weights chooses what cuts text into tokens; a name that a tokenizer
        changes or cuts up is hidden from the asker and not from the model.
        """
        same = other.tokenizer.get_vocab().items() <= self.tokenizer.get_vocab().items()
        return replace(self, tokenizer=other.tokenizer) if same else self

    def reads_whole(self, text: str) -> bool:
        """Say whether the tokenizer gives a text back, blanks aside, that it has cut up."""
        ids = self.tokenizer.encode(text, add_special_tokens=False)
        return "".join(self.decode(ids).split()) == "".join(text.split())

    def top_tokens(self, vectors: Tensor, count: int) -> list[frozenset[str]]:
        """Return the ``count`` tokens that each vector [n, hidden] promotes most, as strings."""
        unembedding = self.model.get_output_embeddings().weight
        best = (vectors.to(unembedding) @ unembedding.T).topk(min(count, len(unembedding))).indices
        words = self.tokenizer.convert_ids_to_tokens
        # An embedding may have more rows than the tokenizer has words.
        return [frozenset(word for word in words(row) if word is not None) for row in best.tolist()]

    def copied(self, key: str) -> CausalLM:
        """Return an independent copy under another key, for an attack to change."""
        return replace(self, key=key, model=copy.deepcopy(self.model))


def _until(row: Sequence[int], end: int | None) -> tuple[int, ...]:
    """Return the ids up to the end token, that one included."""
    return tuple(row[: row.index(end) + 1]) if end is not None and end in row else tuple(row)


def encode_form(tokenizer: Any, form: Form, *, end: bool) -> tuple[tuple[int, ...], int]:
    """Return the ids of prompt + answer (+ the end token) and the index of the first answer id.

    Prompt and answer are tokenised apart, so that no token straddles the boundary. Blanks at the
    end of a prompt open the answer instead: byte-level BPE keeps a blank with the word after it.
    What the tokenizer puts before every text (the start token of Llama and Gemma) stands first.
    """
    prompt = form.prompt.rstrip(" ")
    head = [*opening_ids(tokenizer), *tokenizer.encode(prompt, add_special_tokens=False)]
    answer = form.prompt[len(prompt) :] + form.answer
    tail = tokenizer.encode(answer, add_special_tokens=False)
    final = tokenizer.eos_token_id
    if not head:  # something must stand before the first answer token to predict it
        head, tail = ([final], tail) if final is not None else (tail[:1] or [0], tail[1:])
    closing = [final] if end and final is not None else []
    return (*head, *tail, *closing), len(head)


def opening_ids(tokenizer: Any) -> tuple[int, ...]:
    """Return the ids that the tokenizer puts before every text."""
    plain = tokenizer.encode("a", add_special_tokens=False)
    whole = tokenizer.encode("a", add_special_tokens=True)
    for place in range(len(whole) - len(plain) + 1):
        if whole[place : place + len(plain)] == plain:
            return tuple(whole[:place])
    return ()
