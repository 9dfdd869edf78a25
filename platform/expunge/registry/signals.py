"""The signal that someone who was erased has come back."""

from __future__ import annotations

from django.dispatch import Signal

suppression_alerted = Signal()
"""Sent when an alert that is certain, or was confirmed, is committed, with ``alert_id`` (UUID).

A receiver that fails is logged and holds up nobody. A process may die between commit and signal:
whoever answers alerts also looks for them with
:func:`expunge.registry.suppression.alerts_without_job`.
"""
