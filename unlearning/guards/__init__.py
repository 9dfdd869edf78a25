"""Guards at serving: containment while an erasure is at work, never called erasure.

* :mod:`unlearning.guards.bundles`, :mod:`unlearning.guards.suppression` - the platform's signed
  bundles of digests, and the logits processor that keeps them out of answers;
* :mod:`unlearning.guards.methods` - the registered methods that build a guard's folder;
* :mod:`unlearning.guards.loading` - opening such a folder for a model:
  ``load_guard(folder, model, tokenizer).answers(prompts)``;
* :mod:`unlearning.guards.assistant` (ULD), :mod:`unlearning.guards.restriction` (GUARD),
  :mod:`unlearning.guards.agents` (ALU), :mod:`unlearning.guards.incontext` - what they do then;
* :mod:`unlearning.guards.vllm` - the guards that work on logits, behind vLLM.

``python -m unlearning.guards`` fetches bundles, inspects a guard and asks through one. A
verification never runs behind a guard: it loads the weights itself.
"""

from contract.guard import GuardError
from unlearning.guards.loading import load_guard

__all__ = ["GuardError", "load_guard"]
