"""Containment: keeping a person out of a model's answers until the erasure is done."""
