"""``manage.py status_export FILE``: the signed list of revoked documents, for an auditor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from expunge.certificates.publication import status_publish


class Command(BaseCommand):
    """Write the signed status list; it holds nothing personal and is meant to be published."""

    help = "Write the signed list of revoked documents, which expunge-verify reads with --status."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file to write."""
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Run the command."""
        file.write_bytes(status_publish().content)
        self.stdout.write(f"Wrote the status list to {file}.")
