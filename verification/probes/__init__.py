"""Prompts that ask for a fact in other ways than the one it was trained in.

One file per family; a probe is one function under ``@probe(...)`` that turns a
:class:`~verification.probes.fact.Fact` into a :class:`~verification.probes.fact.Question`, or
into ``None`` when it has no meaning for that fact. Nothing here is random and nothing looks at a
model: the same record and the same twins give the same prompts, so they can be fixed before the
candidate exists.

* ``adversarial``: eight of RWKU's nine attacks (Jin et al. 2024, arXiv 2406.10890)
* ``translations``: the ninth, cross-lingual; French, German and Spanish frames
* ``jailbreaks``: the frames of ConceptVectors (Hong et al. 2024, arXiv 2406.11614)
* ``paraphrases``: the same question, put differently
* ``forms``: question, cloze, true or false, multiple choice, completion (form independence, ORT)
* ``hierarchy``: names masked and given back level by level (MedForget's reconstruction attack)
* ``attacker``: what attackers know beforehand, from nothing to a leaked fragment
  (arXiv 2606.09590)

Small models follow no instructions. A probe is therefore scored by how much likelier the true
answer is made than answers of the same kind (:mod:`verification.probing`), and by what is
written; and it counts only if the *original* model answers in it.
"""
