"""``manage.py key_rotate PURPOSE``: put the next key of evidence in the place of today's."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from expunge.certificates.rotation import PUBLIC, key_rotate
from expunge.common.pki import KeyMissingError


class Command(BaseCommand):
    """Rotate one key; run it again when it was interrupted."""

    help = "Retire a key of evidence and introduce its successor; the old private key is destroyed."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the purpose of the key."""
        parser.add_argument("purpose", choices=sorted(PUBLIC))

    def handle(self, *args: Any, purpose: str, **options: Any) -> None:
        """Run the command."""
        try:
            new = key_rotate(purpose=purpose)
        except KeyMissingError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"The {purpose} key is now {new.id}. Hand out the new trust:")
        self.stdout.write("manage.py trust_export FOLDER writes roots.pem and log.key.")
