"""``manage.py request_disclose REFERENCE FILE --by EMAIL``: show what an entry stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from expunge.accounts.models import User
from expunge.accounts.permissions import Actor
from expunge.audit.disclosure import write_disclosure
from expunge.common.errors import DomainError
from expunge.common.keyfile import write_private
from expunge.tickets.disclosure import request_disclose
from expunge.tickets.listing import ticket_by_reference


class Command(BaseCommand):
    """Write the disclosure of a request; the file is personal data and is for one reader."""

    help = "Write what opens the commitment in the first audit entry of a ticket, for an auditor."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the ticket, the file to write, and who discloses."""
        parser.add_argument("reference", help="the ticket's reference")
        parser.add_argument("file", type=Path)
        parser.add_argument("--by", required=True, help="mail address of who discloses")

    def handle(self, *args: Any, reference: str, file: Path, by: str, **options: Any) -> None:
        """Run the command."""
        user = User.objects.filter(email__iexact=by).first()
        if user is None:
            raise CommandError("There is no such person.")
        actor = Actor(user=user)
        ticket_id = ticket_by_reference(actor, reference.upper())
        if ticket_id is None:
            raise CommandError("There is no such ticket for this person.")
        try:
            found = request_disclose(actor=actor, ticket_id=ticket_id)
        except DomainError as error:
            raise CommandError(str(error)) from error
        write_private(file, write_disclosure(found))
        self.stdout.write(f"What opens entry {found.seq} is in {file}. It is personal data.")
