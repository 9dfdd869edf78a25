"""The field's standard benchmarks, run from local files in the layouts they are published in.

A benchmark is one file: it turns rows into the verifier's records and forms, asks a model through
:class:`verification.signals.Signals`, scores by the published definition (which ROUGE, how many
tokens, where text is cut), and returns a :class:`~verification.benchmarks.table.Table`.

    from verification.benchmarks.running import run_benchmark
    print(run_benchmark("tofu", model="models/v2", data="tofu").text())

Benchmarks describe a model; no verdict is made of them. What decides about a deletion are the
checks of :mod:`verification.checks`, on this person's records against never-trained twins.
"""
