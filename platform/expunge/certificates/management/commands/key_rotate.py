"""``manage.py key_rotate PURPOSE``: put the next key of evidence in the place of today's."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from expunge.audit.keys import signing_folder
from expunge.certificates.rotation import PUBLIC, key_rotate
from expunge.common.pki import KeyMissingError


class Command(BaseCommand):
    """Rotate one key; run it again when it was interrupted."""

    help = "Retire a key of evidence and introduce its successor; the old key's file is replaced."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the purpose of the key."""
        parser.add_argument("purpose", choices=sorted(PUBLIC))

    def handle(self, *args: Any, purpose: str, **options: Any) -> None:
        """Run the command."""
        try:
            old = _elsewhere(purpose)
            new = key_rotate(purpose=purpose)
        except KeyMissingError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"The {purpose} key is now {new.id}. Hand out the new trust:")
        self.stdout.write("manage.py trust_export FOLDER writes roots.pem and log.key.")
        if old and old != _elsewhere(purpose):
            self.stdout.write(f"The old key still stands at {old}. Destroy it there by hand.")


def _elsewhere(purpose: str) -> str:
    """Return where a key stands that is no file; empty for a file."""
    place = signing_folder() / f"{purpose}.key.uri"
    return place.read_text(encoding="utf-8").strip() if place.exists() else ""
