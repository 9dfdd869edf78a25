"""``manage.py audit_checkpoint``: sign the log as it stands."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from expunge.audit.services import checkpoint_sign


class Command(BaseCommand):
    """Sign and timestamp a checkpoint, and print it for whoever keeps copies."""

    help = "Sign a checkpoint of the audit log as it stands, and print it."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        self.stdout.write(checkpoint_sign().note, ending="")
