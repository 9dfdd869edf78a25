"""Requests from other systems: OpenDSR 2.0 (with OpenGDPR 1) and the Data Rights Protocol 1.0.

Both enter through the queue of intake requests (:mod:`expunge.subjects.intake`): a person chooses
the scope and files the ticket, and the same gates follow as for everybody. What the other side
is told follows from where the ticket stands (:mod:`.standing`).
"""
