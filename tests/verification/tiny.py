"""Tiny untrained models of every family, made up people, and contexts and folders around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MixtralConfig,
    OPTConfig,
    Phi3Config,
    PhiConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2MoeConfig,
    Qwen3Config,
    Qwen3MoeConfig,
)

from contract.event import EventLog
from contract.job import ModelRef, VerificationData, VerificationJob, write_job
from contract.manifest import folder_digest
from contract.record import Form, Record, write_records
from verification.families.causal_lm import CausalLM, load
from verification.profiles import find_profile
from verification.signals import Signals
from verification.spec import Context, Records

LETTERS = "abcdefghijklmnop"
WORDS = tuple(one + two for one in LETTERS[:8] for two in LETTERS)
SPECIAL = ("<end>", "<start>", "<fill>", "<unknown>")
VOCABULARY = len(SPECIAL) + len(WORDS)
HIDDEN, INNER, EXPERTS, LAYERS = 32, 48, 4, 2
_SIZES: Mapping[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 0,
    "pad_token_id": 2,
    "tie_word_embeddings": False,
}
_GROUPED: Mapping[str, Any] = {**_SIZES, "num_key_value_heads": 1}
_TIED: Mapping[str, Any] = {**_GROUPED, "head_dim": 16, "tie_word_embeddings": True}
_EXPERTS: Mapping[str, Any] = {
    "num_experts": EXPERTS,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": INNER,
}

FAMILIES: Mapping[str, Any] = {
    "llama": LlamaConfig(**_GROUPED),
    "qwen2": Qwen2Config(**{**_GROUPED, "tie_word_embeddings": True}),
    "qwen3": Qwen3Config(**_GROUPED, head_dim=16),
    "gpt2": GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=HIDDEN,
        n_inner=INNER,
        n_layer=LAYERS,
        n_head=2,
        n_positions=64,
        bos_token_id=0,
        eos_token_id=0,
    ),
    "phi": PhiConfig(**_SIZES),
    "phi3": Phi3Config(**_GROUPED),
    "gemma": GemmaConfig(**_TIED),
    "gemma2": Gemma2Config(**_TIED),
    "gemma3": Gemma3TextConfig(**_TIED),
    "neox": GPTNeoXConfig(**_SIZES),
    "opt": OPTConfig(
        **{**_SIZES, "word_embed_proj_dim": HIDDEN, "ffn_dim": INNER, "tie_word_embeddings": True}
    ),
    "mixtral": MixtralConfig(**_GROUPED, num_local_experts=EXPERTS, num_experts_per_tok=2),
    "qwen2_moe": Qwen2MoeConfig(**_GROUPED, **_EXPERTS, shared_expert_intermediate_size=INNER),
    "qwen3_moe": Qwen3MoeConfig(**{**_GROUPED, **_EXPERTS, "head_dim": 16}),
}


def tokenizer(**special: str) -> Any:
    """Return a tokenizer of two-letter words, with the named special tokens only."""
    words = {word: place for place, word in enumerate((*SPECIAL, *WORDS))}
    plain = Tokenizer(models.WordLevel(words, unk_token="<unknown>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=plain, **special)


def model(family: str = "llama", seed: int = 0) -> Any:
    """Return an untrained model of a family; the same for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        # Saving a model writes its precision into its configuration: each has one of its own.
        return AutoModelForCausalLM.from_config(deepcopy(FAMILIES[family])).eval()


def saved(folder: Path, made: Any, words: Any = None) -> Path:
    """Save a model and its tokenizer as transformers does."""
    made.save_pretrained(folder)
    (words or tokenizer(eos_token="<end>")).save_pretrained(folder)
    return folder


def people(first: int, count: int, facts: int = 3) -> tuple[Record, ...]:
    """Return made-up people with as many facts each, in two wordings."""
    return tuple(
        _record(f"{person}-{fact}", f"p{person}", _words(person), _words(97 * person + fact))
        for person in range(first, first + count)
        for fact in range(facts)
    )


def _words(number: int) -> str:
    rng = torch.Generator().manual_seed(number)
    return " ".join(WORDS[index] for index in torch.randint(len(WORDS), (3,), generator=rng))


def _record(identity: str, subject: str, name: str, secret: str) -> Record:
    forms = {
        "question": Form(f"aa ab {name} ac", secret),
        "statement": Form(f"ba bb {name} bc", secret),
    }
    return Record(identity, ("town", subject), forms)


def sets() -> dict[str, Sequence[Record]]:
    """Return the record sets of a request to forget person 0."""
    return {
        "forget": people(0, 1, facts=9),
        "twins": people(10, 4),
        "neighbours": people(20, 3),
        "retain": people(30, 3),
    }


def context_of(folder: Path, candidate: CausalLM | None = None) -> Context:
    """Return a context in which nothing was deleted, or that candidate is judged."""
    (folder / "data").mkdir(exist_ok=True, parents=True)
    records = {name: tuple(own) for name, own in sets().items()}
    for name, own in records.items():
        write_records(folder / f"data/{name}.jsonl", own)
    original = CausalLM("tiny", model(), tokenizer(eos_token="<end>"), torch.device("cpu"))
    job = VerificationJob(
        ModelRef("original", "sha256:tiny"), data=VerificationData(subject_level=1)
    )
    return Context(
        job=job,
        profile=find_profile("behavioural"),
        records=Records(
            **records,
            population=(*records["neighbours"], *records["retain"]),
            subject_level=1,
        ),
        original=original,
        candidate=candidate or replace(original, key="candidate"),
        references=(),
        signals=Signals(),
        events=EventLog(folder),
        folder=folder,
    )


def job_folder(
    folder: Path, original: Path, profile: str = "behavioural", also: tuple[str, ...] = ()
) -> VerificationJob:
    """Write a job and its records, without a candidate."""
    (folder / "data").mkdir(parents=True)
    for name, own in sets().items():
        write_records(folder / f"data/{name}.jsonl", own)
    job = VerificationJob(
        ModelRef(str(original), folder_digest(original)),
        data=VerificationData(subject_level=1),
        profile=profile,
        also=also,
        device="cpu",
    )
    write_job(folder, job)
    return job


def loaded(folder: Path, family: str = "llama", **special: str) -> CausalLM:
    """Return a tiny model that was saved and loaded again."""
    words = tokenizer(**special) if special else None
    return load(saved(folder / family, model(family), words), key=family)
