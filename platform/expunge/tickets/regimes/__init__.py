"""The laws a request may rest on, one plug-in file each.

A file here that defines ``REGIME`` is a regime; its name is the file's name. It says what the
law calls the request, on which grounds, how the clock runs, and why a request may be refused.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

from django.utils.translation import gettext as _

from expunge.common.errors import InvalidInputError
from expunge.tickets.law import Regime


@cache
def regimes() -> Mapping[str, Regime]:
    """Return every regime by name."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        found[module.name] = import_module(f"{__name__}.{module.name}").REGIME
    return found


def regime_named(name: str) -> Regime:
    """Return one regime; raises ``regime_unknown``."""
    try:
        return regimes()[name]
    except KeyError as error:
        raise InvalidInputError(
            "regime_unknown",
            _("A regime is one of %(regimes)s.") % {"regimes": ", ".join(sorted(regimes()))},
            field="regime",
        ) from error
