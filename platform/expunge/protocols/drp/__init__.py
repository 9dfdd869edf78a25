"""The Data Rights Protocol 1.0, in the part of the covered business.

Agents sign every message with the Ed25519 key that the service directory lists for them, and
carry the bearer token that a signed message gave them.
"""
