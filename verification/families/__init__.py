"""What a model *is*: how it is loaded, read, copied and taken apart, one family per file.

A family offers ``load(path, ...)`` and the model class it returns. The unlearning library may
use this package; it is the only part of the verifier that it may see.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import torch

from contract.job import Device
from contract.result import ErrorCode, JobError


def family(name: str) -> ModuleType:
    """Return the module of a family; raises ``NOT_SUPPORTED`` for a name that does not exist."""
    known = sorted(info.name for info in pkgutil.iter_modules(__path__))
    if name not in known:
        message = f"there is no model family {name!r}; known are {', '.join(known)}"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    return importlib.import_module(f"{__name__}.{name}")


def device_for(wish: Device) -> torch.device:
    """Return the GPU if there is one and the job does not ask for the processor.

    Raises ``NOT_SUPPORTED`` when the job asks for a GPU that is not there.
    """
    available = torch.cuda.is_available()
    if wish == "cuda" and not available:
        message = "the job asks for a GPU and this machine has none; use device auto or cpu"
        raise JobError(ErrorCode.NOT_SUPPORTED, message)
    return torch.device("cuda" if available and wish != "cpu" else "cpu")
