"""Reading the environment: a value, or a file that holds it (``NAME_FILE``). Imports no Django."""

from __future__ import annotations

import os
from pathlib import Path


class ConfigurationError(RuntimeError):
    """A variable of the environment is missing, or two of them contradict each other."""


def read(name: str, default: str = "") -> str:
    """Return the variable, or the content of the file that ``<name>_FILE`` names.

    Secret stores mount files; a value in a file is in no process listing and no crash dump.

    Raises:
        ConfigurationError: Both are set, or the file cannot be read.
    """
    value, file = os.environ.get(name, ""), os.environ.get(f"{name}_FILE", "")
    if value and file:
        raise ConfigurationError(f"Set {name} or {name}_FILE, not both.")
    if not file:
        return value or default
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The file that {name}_FILE names cannot be read.") from error


def required(name: str) -> str:
    """Return a variable that must be there, from the environment or from its file.

    Raises:
        ConfigurationError: It is missing or empty.
    """
    value = read(name)
    if not value:
        raise ConfigurationError(
            f"Set {name} or {name}_FILE: production starts with no secret or address of its own."
        )
    return value


def words(name: str, default: str = "") -> list[str]:
    """Return a list that is written with commas."""
    return [word.strip() for word in read(name, default).split(",") if word.strip()]
