"""Drawings of a report as inline SVG, shared by the platform's pages, its PDF and the report page.

Pure text, no dependency. Colours are presentation attributes, so a drawing needs no style sheet
and no inline style; every shape also carries a class (``ink``, ``quiet``, ``rule``, ``before``,
``after``, ``never`` ...) by which a style sheet may recolour it for the dark. Each drawing has a
``<title>`` and, in ``<desc>``, its numbers as a sentence.

* :mod:`contract.drawing.charts` - the before/after charts of a check;
* :mod:`contract.drawing.forest` - every estimate with its interval against its margin.
"""
