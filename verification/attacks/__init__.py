"""Attacks: each takes a model and returns a changed copy, so that any check can be run on it."""
