"""Guards at serving: containment while an erasure is at work, never called erasure.

* :mod:`unlearning.guards.suppression` - the logits processor for ``generate``;
* :mod:`unlearning.guards.bundles` - fetching and reading the platform's signed bundles.

``python -m unlearning.guards`` keeps a folder of bundles up to date. A verification never runs
behind a guard: it loads the weights itself.
"""
