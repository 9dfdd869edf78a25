"""Ways to alter evidence: each takes what an auditor is shown and returns it changed.

A forgery changes what is said, not how it is laid out: blanks between the names of a JSON text are
nobody's evidence. Everything follows from the seed.
"""

from tests.expunge.certificates.forgeries import log, pdf, sidecar, trust
from tests.expunge.certificates.forgeries.shown import FORGERIES, Materials, Shown

__all__ = ["FORGERIES", "Materials", "Shown", "log", "pdf", "sidecar", "trust"]
