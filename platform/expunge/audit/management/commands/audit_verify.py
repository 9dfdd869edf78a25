"""``manage.py audit_verify``: is the log whole, and is it the one that was signed?"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from expunge.audit.selectors import log_verify


class Command(BaseCommand):
    """Replay the log; exit code 1 when anything is wrong."""

    help = "Verify the audit log: no gap, every hash, every checkpoint. Exit code 1 on any fault."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        state = log_verify()
        self.stdout.write(
            f"{state.size} entries without a gap, {state.checkpoints} signed checkpoints, "
            f"root {state.root}."
            if state.sound
            else f"The audit log is NOT sound: {len(state.faults)} faults in {state.size} entries."
        )
        for fault in state.faults:
            self.stderr.write(fault)
        if not state.sound:
            sys.exit(1)
