"""Make a trained model forget records, or retrain what must be retrained.

A tour, from the outside in:

* :mod:`unlearning.__main__` and :mod:`unlearning.run` - one job folder, from ``job.json`` to
  ``result.json``;
* :mod:`unlearning.registry` and :mod:`unlearning.spec` - what a method is, sees and gives back;
* :mod:`unlearning.methods` and :mod:`unlearning.exact` - one method per file;
* :mod:`unlearning.train` and :mod:`unlearning.adapters` - whole models, and a base with one
  LoRA adapter per shard;
* :mod:`unlearning.engine`, :mod:`unlearning.data`, :mod:`unlearning.losses`,
  :mod:`unlearning.reference`, :mod:`unlearning.stopping` - what the methods are made of.

It knows nothing of the platform and nothing of how its work is verified.
"""
