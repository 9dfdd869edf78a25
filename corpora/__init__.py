"""Datasets whose data subjects can later ask to be forgotten.

A dataset is a folder with a small header (``dataset.json``) and its records
(``records.jsonl``). Every data subject belongs to an *arm*, chosen by a recorded coin flip
before any training: ``trained``, ``twin`` (never trained, so a fair comparison) or ``public``
(no data subject's rights).

* :mod:`corpora.dataset` - the :class:`~corpora.dataset.Dataset` and its folder;
* :mod:`corpora.assignment` - the coin flips, and how an auditor replays them;
* :mod:`corpora.hospital` - a seeded generator of a fictitious hospital network;
* :mod:`corpora.tofu` - the TOFU benchmark of fictitious authors;
* :mod:`corpora.tabular` - any JSON-lines, JSON or Parquet table, by a column mapping.

``python -m corpora --help`` writes any of them to a folder. Nothing here imports torch or Django.
"""
