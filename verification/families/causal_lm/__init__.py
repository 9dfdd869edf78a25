"""Causal language models in the transformers format, whole or as a base with LoRA shards.

A whole model is a transformers folder, or the folder of one peft adapter that names a local base.
A sharded model is a folder with ``base/`` (a transformers folder), ``adapters/<shard>/`` (a peft
LoRA adapter each) and ``shards.json``. A deployment serves a request with the base and the
adapter of the requester's shard; :func:`load` composes the two into one ordinary model.
"""

from verification.families.causal_lm.folders import base_of, is_adapter
from verification.families.causal_lm.loading import SHARDS_FILE, load, shard_of, shard_records
from verification.families.causal_lm.model import CausalLM, Encoded, encode_form

__all__ = [
    "SHARDS_FILE",
    "CausalLM",
    "Encoded",
    "base_of",
    "encode_form",
    "is_adapter",
    "load",
    "shard_of",
    "shard_records",
]
