"""What a model *is*: how it is loaded, read, copied and taken apart, one family per file.

A family offers ``load(path, ...)`` and the model class it returns. The unlearning library may
use this package; it is the only part of the verifier that it may see.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from contract.result import ErrorCode, JobError


def family(name: str) -> ModuleType:
    """Return the module of a family; raises ``NOT_SUPPORTED`` for a name that does not exist."""
    known = sorted(info.name for info in pkgutil.iter_modules(__path__))
    if name not in known:
        message = f"there is no model family {name!r}; known are {', '.join(known)}"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    return importlib.import_module(f"{__name__}.{name}")
