"""Fetching the platform's containment bundles into a folder, and reading them from there.

Every bundle is checked against the platform's public key, which the deployer pins, when it is
fetched and again when it is read. A folder that could not be brought up to date keeps what it had:
containment fails closed. Keep the folder to the serving process alone; whoever reads a bundle can
test guesses against it.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from contract.containment import Bundle, BundleError, read

SECONDS = 30
PAGE = 200


def bundles_read(folder: Path, trusted: str, model_digest: str | None = None) -> tuple[Bundle, ...]:
    """Read every bundle of the folder, or those of one model artifact.

    Raises :class:`BundleError` for a bundle that is not the platform's: serve nothing then.
    """
    found = [read(path.read_bytes(), trusted) for path in sorted(folder.glob("*.json"))]
    return tuple(item for item in found if model_digest in {None, item.model_digest})


def bundles_fetch(url: str, token: str, trusted: str, folder: Path) -> tuple[int, int]:
    """Bring the folder in line with the platform; returns how many came and how many went.

    Raises ``OSError`` when the platform cannot be reached, :class:`BundleError` for a bundle that
    is not its own. Either way nothing that was there is lost.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = {str(UUID(item["id"])) for item in _listed(url, token)}
    there = {path.stem for path in folder.glob("*.json")}
    for name in sorted(wanted - there):
        _store(folder, name, _get(f"{_base(url)}/{name}", token), trusted)
    for name in there - wanted:
        (folder / f"{name}.json").unlink()
    return len(wanted - there), len(there - wanted)


def _store(folder: Path, name: str, data: bytes, trusted: str) -> None:
    if read(data, trusted).id != name:
        raise BundleError("the platform sent another bundle than the one asked for")
    temporary = folder / f".{name}"
    temporary.touch(mode=0o600)
    temporary.write_bytes(data)
    temporary.replace(folder / f"{name}.json")


def _listed(url: str, token: str) -> Iterator[dict[str, Any]]:
    address: str | None = f"{_base(url)}?page_size={PAGE}"
    while address:
        page = json.loads(_get(address, token))
        yield from page["results"]
        following = page.get("next")
        query = urllib.parse.urlsplit(following).query if following else ""
        address = f"{_base(url)}?{query}" if following else None


def _base(url: str) -> str:
    return f"{url.rstrip('/')}/api/v1/containment"


def _get(address: str, token: str) -> bytes:
    if urllib.parse.urlsplit(address).scheme not in {"http", "https"}:
        raise ValueError("the platform's address starts with https://")
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - the same
        data: bytes = answer.read()
    return data
