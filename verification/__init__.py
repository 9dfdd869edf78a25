"""Did it forget? Attacks on a model that should have lost a data subject's records.

``statistics``, ``text``, ``scores``, ``blind`` and ``policy`` are pure (numpy and scipy, no
torch); ``signals`` is the only room that runs a model; ``checks`` and ``attacks`` hold one
plug-in per file; ``python -m verification run FOLDER`` runs a whole verification, and
:func:`verify` does the same from Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verification.api import Verification, verify

__all__ = ["Verification", "verify"]


def __getattr__(name: str) -> Any:
    """Import the call when it is asked for: the pure rooms must not load torch."""
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from verification import api  # noqa: PLC0415 - see above

    return getattr(api, name)
