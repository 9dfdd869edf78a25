"""Filing under load: 16 clients file over REST as fast as they can, and no ticket may be lost.

Starts the site as shipped (gunicorn, embedded PostgreSQL and Redis) on a database of its own
under ``var/load``, which ``manage.py seed_load`` fills when it is empty, and lets locust file for
a while. Afterwards it counts in the database: every ticket that was answered with 201 must be
there, once, with its entry in the audit log, and the log must be without a gap.

    python benchmarks/load.py [--rate 80] [--seconds 60] [--tickets 200000] [--nodes 2000000]

``--rate`` is what is offered, all clients together; a client that waited for an answer does not
make up for it, so what is reached lies below. Prints that rate, the latencies and what was lost.
Ends with 1 when anything was.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[1]
CLIENTS = 16
FILED = "EXPUNGE_LOAD_FILED"
TOKENS = "EXPUNGE_LOAD_TOKENS"
NODES = "EXPUNGE_LOAD_NODES"
RATE = "EXPUNGE_LOAD_RATE"

if FILED in os.environ:
    # Inside locust: the part that plays the clients.
    import itertools

    from locust import HttpUser, constant_throughput, task

    _tokens = itertools.cycle(Path(os.environ[TOKENS]).read_text(encoding="utf-8").split())
    _nodes = itertools.cycle(Path(os.environ[NODES]).read_text(encoding="utf-8").split())

    class Filer(HttpUser):
        """A client that files one ticket after another and notes every answer."""

        wait_time = constant_throughput(float(os.environ[RATE]) / CLIENTS)

        def on_start(self) -> None:
            """Take a token of its own."""
            self.token = next(_tokens)

        @task
        def file(self) -> None:
            """File a ticket; the reference counts only when the answer came."""
            answer = self.client.post(
                "/api/v1/tickets",
                json={
                    "regime": "gdpr",
                    "ground": "consent_withdrawn",
                    "nodes": [next(_nodes)],
                    "subject_name": "Load Person",
                    "contact": "load@home.example",
                },
                headers={
                    "Authorization": f"Bearer {self.token}",
                    "Idempotency-Key": str(uuid4()),
                },
            )
            if answer.status_code == 201:  # noqa: PLR2004 - Created
                with Path(os.environ[FILED]).open("a", encoding="ascii") as filed:
                    filed.write(f"{answer.json()['reference']} {time.monotonic()}\n")


def prepare(tickets: int, nodes: int) -> None:
    """Point Django at the database of the measurement, and fill it when it is empty."""
    os.environ.setdefault("EXPUNGE_VAR", str(ROOT / "var" / "load"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "expunge.config.settings.development")
    sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
    import django  # noqa: PLC0415 - only after the settings are chosen

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - the same
    from django.db import connection  # noqa: PLC0415 - the same

    from expunge.tickets.models import Ticket  # noqa: PLC0415 - the same

    call_command("migrate", verbosity=0)
    if not Ticket.objects.exists():
        call_command("seed_load", tickets=tickets, nodes=nodes)
    connection.close()


def main() -> int:
    """Measure, count, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=80)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--tickets", type=int, default=200_000)
    parser.add_argument("--nodes", type=int, default=2_000_000)
    options = parser.parse_args()
    prepare(options.tickets, options.nodes)
    from expunge.config.processes import Processes, free_address  # noqa: PLC0415 - after setup

    with tempfile.TemporaryDirectory() as folder, Processes() as processes:
        address = free_address()
        processes.start_web(address)
        filed = Path(folder) / "filed"
        filed.touch()
        environment = {
            **os.environ,
            FILED: str(filed),
            TOKENS: str(_write(Path(folder) / "tokens", _tokens_of_engineers())),
            NODES: str(_write(Path(folder) / "nodes", _patients())),
            RATE: str(options.rate),
        }
        await_site(address)
        before = _counts()
        _locust(address, options.seconds, environment)
        answers = [line.split() for line in filed.read_text(encoding="ascii").splitlines()]
        return _report({reference: float(at) for reference, at in answers}, before)


def _tokens_of_engineers() -> list[str]:
    from expunge.accounts.models import Membership, Role  # noqa: PLC0415 - after setup
    from expunge.accounts.permissions import Actor, Permission  # noqa: PLC0415 - the same
    from expunge.accounts.services import token_create  # noqa: PLC0415 - the same

    engineers = Membership.objects.filter(role=Role.ENGINEER).select_related("user")[:CLIENTS]
    return [
        token_create(
            actor=Actor(user=item.user),
            controller_id=item.controller_id,
            name="load",
            scopes=[Permission.TICKET_FILE, Permission.TICKET_VIEW],
        )[1]
        for item in engineers
    ]


def _patients(count: int = 5000) -> list[str]:
    from expunge.registry.models import ScopeNode  # noqa: PLC0415 - after setup

    return [
        str(pk) for pk in ScopeNode.objects.filter(depth=1).values_list("pk", flat=True)[:count]
    ]


def _counts() -> tuple[int, int]:
    from expunge.audit.models import Leaf  # noqa: PLC0415 - after setup
    from expunge.tickets.models import Ticket  # noqa: PLC0415 - the same

    return Ticket.objects.count(), Leaf.objects.filter(action="ticket.filed").count()


def _write(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def await_site(address: str) -> None:
    """Wait until the site answers."""
    import httpx  # noqa: PLC0415 - not needed inside locust

    for _ in range(100):
        try:
            httpx.get(f"http://{address}/api/v1/schema")
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("The site did not start; see var/load/log/web.log.")


def _locust(address: str, seconds: int, environment: dict[str, str]) -> None:
    command = [
        *(sys.executable, "-m", "locust", "--locustfile", __file__, "--headless"),
        *("--host", f"http://{address}", "--users", str(CLIENTS), "--spawn-rate", str(CLIENTS)),
        *("--run-time", f"{seconds}s", "--stop-timeout", "10s", "--only-summary"),
    ]
    subprocess.run(command, env=environment, check=False)


def _report(answers: Mapping[str, float], before: tuple[int, int]) -> int:
    from expunge.audit.models import Leaf  # noqa: PLC0415 - after setup
    from expunge.tickets.models import Ticket  # noqa: PLC0415 - the same

    stored = Ticket.objects.filter(reference__in=list(answers)).count()
    tickets, leaves = (now - then for now, then in zip(_counts(), before, strict=True))
    last = Leaf.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
    gap = last + 1 - Leaf.objects.count()
    took = max(answers.values(), default=1) - min(answers.values(), default=0)
    print(
        f"\nanswered with 201: {len(answers)} in {took:.0f} s ({len(answers) / took:.1f} a second)"
    )
    print(f"of these in the database: {stored}; new tickets: {tickets}; new log entries: {leaves}")
    lost = len(answers) - stored
    print(f"lost: {lost}; filed without an answer: {tickets - stored}; gaps in the log: {gap}")
    return int(bool(lost or gap or tickets != leaves))


if __name__ == "__main__":
    sys.exit(main())
