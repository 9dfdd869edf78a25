"""Closed-form edits: weights changed by a formula, in seconds, without training; one file each."""
