"""The audit log: append-only, a Merkle tree, checkpoints that outsiders can hold against it.

Tour: :mod:`.merkle` and :mod:`.checkpoint` are pure mathematics, used by the offline verifier
too; :mod:`.leaves` says what an entry looks like; :mod:`.services` writes; :mod:`.selectors`
reads, proves and verifies.
"""
