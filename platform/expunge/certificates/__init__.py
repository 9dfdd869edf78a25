"""Certificates: what was shown about a deletion, signed, and checkable without us.

Tour: :mod:`.facts` is what other rooms fill in, :mod:`.kinds` and :mod:`.statement` turn facts
into an in-toto statement, :mod:`.envelope` signs it, :mod:`.pdf` prints it, :mod:`.signing` signs
the print, :mod:`.services` does all of it in the one order that proves something, and
:mod:`.offline` checks the result with no Django and no network.
"""
