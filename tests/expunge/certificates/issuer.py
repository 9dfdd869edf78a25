"""A signing worker for the tests of power loss: a process that dies where it is told to.

It reads requests from its standard input, one JSON object a line, and forks for each, so that a
child can be killed outright while the imports are paid for once. ``issue`` issues a ticket's
document and dies at ``moment`` (``before`` or ``after`` the ``nth`` call of a function); or, when
``victim`` names the folder of a PostgreSQL, kills that instead. ``examine`` counts what is there.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import django

CONTROLLER = UUID(int=7)


def main() -> None:
    """Serve requests until the input ends."""
    django.setup()
    import tests.expunge.certificates.samples  # noqa: F401, PLC0415 - paid for before forking
    from expunge.certificates import services  # noqa: F401, PLC0415 - the same

    for line in sys.stdin:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            request = json.loads(line)
            answer = globals()[request.pop("do")](**request)
            os.write(writer, json.dumps(answer).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as said:
            answer = said.read()
        _, status = os.waitpid(pid, 0)
        died = os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)
        sys.stdout.write(json.dumps({"died": died, "answer": json.loads(answer or b"null")}) + "\n")
        sys.stdout.flush()


def issue(
    ticket: int, moment: list[Any] | None = None, victim: str = "", *, real: bool = False
) -> str:
    """Issue the document of a ticket, or die on the way."""
    from expunge.accounts.permissions import Actor  # noqa: PLC0415 - after setting up
    from expunge.certificates import services  # noqa: PLC0415 - the same
    from expunge.common import keyfile  # noqa: PLC0415 - the same
    from tests.expunge.certificates.samples import FACTS  # noqa: PLC0415 - the same

    if not real:
        services._signed_pdf = lambda found: b"%PDF " + found.pk.bytes
    if moment:
        when, name, nth = moment
        room: Any = keyfile.os if name == "fsync" else services
        setattr(room, name, _deadly(getattr(room, name), when, nth, lambda: _die(victim)))
    certificate = services.certificate_issue(
        facts=FACTS,
        ticket_id=UUID(int=ticket),
        controller_id=CONTROLLER,
        actor=Actor(system="worker"),
    )
    return str(certificate.number)


def examine(ticket: int) -> dict[str, Any]:
    """Count what there is of a ticket's document, and replay the log."""
    from django.conf import settings  # noqa: PLC0415 - after setting up

    from expunge.audit.models import Leaf  # noqa: PLC0415 - the same
    from expunge.audit.selectors import log_verify  # noqa: PLC0415 - the same
    from expunge.certificates.models import Certificate  # noqa: PLC0415 - the same
    from expunge.certificates.selectors import certificate_sidecar  # noqa: PLC0415 - the same
    from expunge.certificates.storage import pdf_read  # noqa: PLC0415 - the same

    certificate = Certificate.objects.get(ticket_id=UUID(int=ticket))
    entries = Leaf.objects.filter(ticket_id=UUID(int=ticket)).values_list("action", flat=True)
    folder = settings.EXPUNGE_CERTIFICATES_DIR / str(certificate.pk)
    return {
        "status": certificate.status,
        "number": certificate.number,
        "entries": sorted(entries),
        "files": len(list(folder.glob("*.pdf"))),
        "length": len(pdf_read(certificate.pdf_name)) - certificate.pdf_length,
        "sidecar": b"expunge.sidecar/1" in certificate_sidecar(certificate),
        "faults": list(log_verify().faults),
    }


def _deadly(
    act: Callable[..., Any], when: str, nth: int, die: Callable[[], None]
) -> Callable[..., Any]:
    calls = 0

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if when == "before" and calls == nth:
            die()
        found = act(*args, **kwargs)
        if when == "after" and calls == nth:
            die()
        return found

    return call


def _die(victim: str) -> None:
    """Kill this process, or the PostgreSQL of a folder with all its processes, outright."""
    if not victim:
        os.kill(os.getpid(), signal.SIGKILL)
    master = int((Path(victim) / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    for pid in (master, *map(int, children)):
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
