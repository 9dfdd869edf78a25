"""Did it forget? Attacks on a model that should have lost a data subject's records.

``statistics``, ``text``, ``scores``, ``blind`` and ``policy`` are pure (numpy and scipy, no
torch); ``signals`` is the only room that runs a model; ``checks`` and ``attacks`` hold one
plug-in per file; ``python -m verification run FOLDER`` runs a whole verification.
"""
