"""A client that holds every change to leaving an entry in the audit log."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client

from expunge.audit.models import Leaf

CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


class AuditedClient(Client):
    """Fails when a change that was carried out left no audit leaf.

    ``only`` narrows it to addresses, ``reads`` excepts those that only read by POST.
    """

    only = re.compile("")
    reads = re.compile("(?!)")

    def request(self, **request: Any) -> Any:
        """Send the request; count the leaves before and after."""
        method, path = request["REQUEST_METHOD"], request["PATH_INFO"]
        if method not in CHANGING or not self.only.match(path) or self.reads.match(path):
            return super().request(**request)
        before = Leaf.objects.count()
        answer = super().request(**request)
        assert not self.changed(answer) or Leaf.objects.count() > before, (
            f"{method} {path} was carried out ({answer.status_code}) and left no audit leaf"
        )
        return answer

    def changed(self, answer: Any) -> bool:
        """Say whether an answer means that something was carried out."""
        return bool(200 <= answer.status_code < 300)
