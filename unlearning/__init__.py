"""Make a trained model forget records, or retrain what must be retrained.

``from unlearning import forget`` does it in one call (:mod:`unlearning.api`). A tour, from the
outside in:

* :mod:`unlearning.api` - Python and job files, to one job folder;
* :mod:`unlearning.__main__` and :mod:`unlearning.run` - one job folder, from ``job.json`` to
  ``result.json``;
* :mod:`unlearning.registry` and :mod:`unlearning.spec` - what a method is, sees and gives back;
* :mod:`unlearning.methods`, :mod:`unlearning.edits` and :mod:`unlearning.exact` - one method per
  file: trained, in closed form, exact;
* :mod:`unlearning.train`, :mod:`unlearning.sharded` and :mod:`unlearning.adapters` - whole models,
  and a base with one LoRA adapter per shard, learned slice by slice; :mod:`unlearning.lineage`
  says what each file has seen, :mod:`unlearning.serving` how they answer;
* :mod:`unlearning.requests` - one request after another;
* :mod:`unlearning.engine`, :mod:`unlearning.data`, :mod:`unlearning.packing`,
  :mod:`unlearning.losses`, :mod:`unlearning.reference`, :mod:`unlearning.stopping` - what the
  methods are made of.

It knows nothing of the platform and nothing of how its work is verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unlearning.api import forget

__all__ = ["forget"]


def __getattr__(name: str) -> Any:
    """Import the call on first use: the library's own modules import this package first."""
    if name == "forget":
        from unlearning.api import forget  # noqa: PLC0415 - see above

        return forget
    message = f"module 'unlearning' has no attribute {name!r}"
    raise AttributeError(message)
