"""A whole site in a test: the web process, a worker with its beat, a mailbox and a receiver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from expunge.accounts.permissions import Actor
from expunge.tickets.models import Ticket
from tests.expunge.factories import PASSWORD
from tests.expunge.jobs.workplace import ROOT, Library, Worker, eventually
from tests.expunge.notices.conftest import Receiver
from tests.expunge.notices.test_smtp import Mailbox


@dataclass
class Web:
    """A real gunicorn, as a process group of its own."""

    environment: Mapping[str, str]
    address: str
    log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        size = ("--workers", "1", "--threads", "4", "--access-logfile", "-")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn", "--bind", self.address, *size),
                    "expunge.config.wsgi:application",
                ],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        eventually(self._answers, "the site to answer")

    def stop(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait()

    def _answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://{self.address}/sign-in/").is_success
        return False


@dataclass(frozen=True)
class Caller:
    """Somebody with a token; every call must be answered as expected."""

    client: httpx.Client

    def post(self, path: str, expect: int = 200, **body: Any) -> Any:
        headers = {"Idempotency-Key": os.urandom(8).hex()}
        answer = self.client.post(f"/api/v1/{path}", json=body, headers=headers)
        assert answer.status_code == expect, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        answer = self.client.get(f"/api/v1/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()


@dataclass(frozen=True)
class Browser:
    """Somebody at the pages, signed in."""

    client: httpx.Client

    @classmethod
    def of(cls, address: str, actor: Actor) -> Browser:
        assert actor.user is not None
        browser = cls(httpx.Client(base_url=f"http://{address}", follow_redirects=True))
        found = browser.post("/sign-in/", "/sign-in/", login=actor.user.email, password=PASSWORD)
        assert found.url.path == "/", found.url
        return browser

    def get(self, path: str) -> httpx.Response:
        answer = self.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer

    def post(self, page: str, path: str, **fields: Any) -> httpx.Response:
        """Send a form that stands on a page; refusals are answers too."""
        self.get(page)
        token = self.client.cookies["csrftoken"]
        return self.client.post(path, data={**fields, "csrfmiddlewaretoken": token})


@dataclass(frozen=True)
class Site:
    """Everything that runs, and the folders it writes to."""

    web: Web
    worker: Worker
    library: Library
    mailbox: Mailbox
    receiver: Receiver
    var: Path
    callers: Mapping[str, Caller]

    def as_(self, name: str) -> Caller:
        return self.callers[name]

    def comes_to(self, ticket_id: str, state: str) -> Ticket:
        """Wait until the ticket is in a state."""

        def there() -> bool:
            return Ticket.objects.filter(pk=UUID(ticket_id), state=state).exists()

        try:
            eventually(there, f"the ticket to be {state}", 60)
        except AssertionError as error:
            stands = Ticket.objects.get(pk=UUID(ticket_id)).state
            message = f"{error} (it is {stands})\n{self.worker.text()[-3000:]}"
            raise AssertionError(message) from error
        return Ticket.objects.get(pk=UUID(ticket_id))

    def letters_to(self, address: str) -> list[str]:
        """Return the subjects of the letters that reached an address, each Message-ID once."""
        found = {
            message["Message-ID"]: message["Subject"]
            for to, message in list(self.mailbox.got)
            if address in to
        }
        return list(found.values())
