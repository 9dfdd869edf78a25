"""``manage.py audit_export FILE``: the log for an auditor, who needs nothing else of us."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from expunge.audit.export import write_export
from expunge.audit.selectors import entries, log_key_file, log_size, stamped_notes
from expunge.audit.services import checkpoint_sign


class Command(BaseCommand):
    """Write the log and its checkpoints as JSON lines, and the log's public key beside it."""

    help = "Write the audit log as JSON lines, and its public key beside it as FILE.key."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file to write."""
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Run the command."""
        checkpoint_sign()
        size = log_size()  # others go on appending: entries and checkpoints are those of one size
        count, checkpoints = write_export(file, entries(size), stamped_notes(size))
        key = file.with_name(f"{file.name}.key")
        key.write_text(log_key_file(), encoding="utf-8")
        self.stdout.write(f"{count} entries and {checkpoints} checkpoints in {file}; key in {key}.")
