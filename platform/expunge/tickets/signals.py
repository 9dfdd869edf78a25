"""What tickets announce to the rooms above them."""

from __future__ import annotations

from django.dispatch import Signal

ticket_filing = Signal()
"""Sent while a ticket is filed, in that transaction, with ``ticket`` and its ``payload``: what is
made of the payload then is there or the ticket is not. A receiver that fails stops the filing."""

ticket_moved = Signal()
"""Sent when a move is committed, with ``ticket_id`` (UUID), ``source`` and ``target`` states.

A receiver that fails is logged and holds up nobody; whoever works on tickets must also look for
them in the database, for a process may die between commit and signal.
"""

hold_changed = Signal()
"""Sent when the placing or the release of a legal hold is committed, with ``hold_id`` and
``model_id`` (``None`` unless the hold covers a model, whose work is the receiver's affair)."""

ticket_purging = Signal()
"""Sent while what is left of an ended ticket is deleted, in that transaction, with ``ticket_id``:
a room above deletes what it keeps of the ticket itself. A receiver that fails stops it."""
