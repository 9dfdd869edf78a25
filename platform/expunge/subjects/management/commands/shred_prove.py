"""Proves that nothing of a person is left: ``manage.py shred_prove < identifiers``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from expunge.subjects.proof.findings import Findings, Place
from expunge.subjects.proof.needles import Needles
from expunge.subjects.proof.search import OUT_OF_REACH, indexes_kept, search


class Command(BaseCommand):
    """Reads identifiers, one a line, and says in which places they are left, never printing them.

    Exits with 1 when anything is left. Arguments are seen by everybody on a machine and kept in
    shell histories, so identifiers come from standard input or from a file.
    """

    help = (
        "Look for identifiers of a person (names, mail addresses, free texts), read one a line "
        "from standard input, in the database, the platform's folders and Redis."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a file instead of standard input."""
        parser.add_argument("--from-file", type=Path, help="read the identifiers from this file")
        parser.add_argument(
            "--registered-is-kept",
            action="store_true",
            help="do not fail for names in the registry's trees: the request was not granted, "
            "so the registry still knows the person",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Search, report, and exit with 1 when anything is left."""
        needles = self._needles(options["from_file"])
        findings = search(needles)
        self._tell(needles, findings)
        left = bool(findings.left) or bool(
            findings.registered and not options["registered_is_kept"]
        )
        if left:
            self.stdout.write("RESULT: something is left.")
            raise SystemExit(1)
        self.stdout.write("RESULT: nothing is left where the platform looks.")

    def _needles(self, path: Path | None) -> Needles:
        try:
            lines = path.read_text(encoding="utf-8") if path else sys.stdin.read()
            needles = Needles(lines.splitlines())
        except (OSError, ValueError) as error:
            raise CommandError(f"The identifiers cannot be used: {error}") from error
        if not needles.values:
            raise CommandError("Give at least one identifier, one a line, on standard input.")
        return needles

    def _tell(self, needles: Needles, findings: Findings) -> None:
        counted = ", ".join(f"{number} {what}" for what, number in findings.looked_at.items())
        self.stdout.write(f"Looked for {len(needles.values)} identifiers in {counted}.")
        self._places("Left:", findings.left)
        self._places("The registry still names the person:", findings.registered)
        self.stdout.write("Encrypted columns:")
        for column, standings in sorted(findings.sealed.items()):
            said = ", ".join(f"{number} {what}" for what, number in sorted(standings.items()))
            self.stdout.write(f"  {column}: {said}")
        kept = indexes_kept(needles)
        if kept:
            self.stdout.write(
                f"Kept on purpose: {kept} nodes are recognised by the blind index of an "
                "identifier, without a name, so that nobody erased comes back unnoticed."
            )
        self._places("Records at the source, which is the controller's own:", findings.sources)
        self.stdout.write("Not looked at:")
        for item in (*findings.unread, *OUT_OF_REACH):
            self.stdout.write(f"  {item}")

    def _places(self, title: str, places: list[Place]) -> None:
        if not places:
            return
        self.stdout.write(title)
        for place in places:
            numbers = ", ".join(str(number) for number in sorted(place.values))
            self.stdout.write(f"  {place.where}: identifier {numbers}")
