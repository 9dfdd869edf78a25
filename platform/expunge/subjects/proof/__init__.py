"""The proof of shredding: looks for what identifies a person wherever the platform keeps things.

``needles`` knows in which guises a value may hide, ``database``, ``files`` and ``redis_store``
look, ``report`` says what was found, where, and what is out of reach. No value is ever printed.
"""
