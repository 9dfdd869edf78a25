"""``manage.py trust_export FOLDER``: whom an auditor must trust, to be handed over in person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from expunge.audit.keys import trust_roots
from expunge.audit.selectors import log_key_file


class Command(BaseCommand):
    """Write the root certificates and the log's public key; both are public."""

    help = "Write roots.pem and log.key, which expunge-verify needs, into a folder."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the folder to write into."""
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        """Run the command."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "roots.pem").write_bytes(trust_roots())
        (folder / "log.key").write_text(log_key_file(), encoding="utf-8")
        self.stdout.write(f"Wrote roots.pem and log.key to {folder}.")
