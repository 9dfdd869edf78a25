"""Where the platform is and with which token: from the environment, or from a file of one's own.

The file holds a secret, so nobody else may be able to read it (mode 0600).
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from expunge_client.errors import ConfigurationError

LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Login:
    """An address and a token."""

    url: str
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError(f"'{self.url}' is no address; it begins with https://.")
        if parts.scheme == "http" and parts.hostname not in LOCAL:
            raise ConfigurationError(
                f"{self.url} would carry the token in the clear; the address begins with https://."
            )


def config_file() -> Path:
    """Return the place of the file."""
    named = os.environ.get("EXPUNGE_CONFIG")
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(named) if named else Path(home) / "expunge" / "client.json"


def login(url: str | None = None, token: str | None = None) -> Login:
    """Return what is given, else what the environment says, else what the file says.

    Raises:
        ConfigurationError: Something is missing, or others can read the file.
    """
    url = url or os.environ.get("EXPUNGE_URL")
    token = token or os.environ.get("EXPUNGE_TOKEN")
    if not (url and token):
        kept = _read(config_file())
        url, token = url or kept.get("url"), token or kept.get("token")
    if not url or not token:
        raise ConfigurationError(
            "Set EXPUNGE_URL and EXPUNGE_TOKEN, or run 'expunge login'. Tokens are made on your "
            "page of tokens."
        )
    return Login(url, token)


def login_keep(kept: Login) -> Path:
    """Write address and token to the file, for its owner alone; return its place."""
    file = config_file()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump({"url": kept.url, "token": kept.token}, out)
    fresh.replace(file)
    return file


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise ConfigurationError(
            f"Others can read {file}, and it holds a token. Run: chmod 600 {file}"
        )
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return {name: str(kept[name]) for name in ("url", "token") if name in kept}
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{file} is not readable; run 'expunge login' again.") from error
