"""A secret in a file is made once and is its owner's alone."""

from __future__ import annotations

from pathlib import Path

from expunge.common.keyfile import read_or_create


def test_the_first_secret_stays(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    assert read_or_create(path, lambda: "first") == "first"
    assert read_or_create(path, lambda: "second") == "first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["master.key"]
