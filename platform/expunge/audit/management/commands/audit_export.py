"""``manage.py audit_export FILE``: the log for an auditor, who needs nothing else of us."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from expunge.audit.export import StampedNote, write_export
from expunge.audit.models import Checkpoint
from expunge.audit.selectors import BATCH, entries, log_key_file
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
        notes = (
            StampedNote(item.note, bytes(item.token), item.cosigner_lines)
            for item in Checkpoint.objects.prefetch_related("cosignatures").iterator(BATCH)
        )
        count, checkpoints = write_export(file, entries(), notes)
        key = file.with_name(f"{file.name}.key")
        key.write_text(log_key_file(), encoding="utf-8")
        self.stdout.write(f"{count} entries and {checkpoints} checkpoints in {file}; key in {key}.")
