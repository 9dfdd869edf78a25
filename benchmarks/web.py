"""Answer times of the pages and lists of a large organisation, over HTTP, as shipped.

Starts the site (gunicorn, embedded PostgreSQL and Redis) on the database under ``var/load``,
which ``manage.py seed_load`` fills when it is empty (200,000 tickets, 2 million scope nodes), and
asks for each page many times, one after the other, as a signed-in data-protection officer.

    python benchmarks/web.py [--rounds 30] [--tickets 200000] [--nodes 2000000]

Prints median and 95th percentile in milliseconds. Ends with 1
when a median is over 150 ms.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from load import await_site, prepare

LIMIT_MS = 150


@dataclass(frozen=True)
class Look:
    """One thing to ask for; ``form`` makes it a POST."""

    name: str
    path: str
    form: dict[str, str] | None = None


def looks() -> list[Look]:
    """Return what an officer looks at all day, with real ids."""
    from django.urls import reverse  # noqa: PLC0415 - only after the settings are chosen

    from expunge.registry.models import Dataset, ScopeNode  # noqa: PLC0415 - the same
    from expunge.tickets.models import Ticket  # noqa: PLC0415 - the same

    dataset = Dataset.objects.get(name="Load")
    institution, patient = (
        ScopeNode.objects.filter(dataset=dataset, depth=depth).order_by("path")[0]
        for depth in (0, 1)
    )
    reference = Ticket.objects.order_by("received_at").values_list("reference", flat=True)[0]
    ticket = Ticket.objects.filter(state="under_review").first() or Ticket.objects.all()[0]
    tickets = reverse("web:tickets")
    branches = reverse("web:branches", args=[dataset.pk])
    search = reverse("web:dataset-search", args=[dataset.pk])
    return [
        Look("dashboard", reverse("web:dashboard")),
        Look("list", tickets),
        Look("list, one state", f"{tickets}?state=under_review"),
        Look("list, overdue", f"{tickets}?overdue=yes"),
        Look("search, reference", reverse("web:find"), {"search": reference}),
        Look("search, name", reverse("web:find"), {"search": "Person 000042"}),
        Look("ticket", reverse("web:ticket", args=[ticket.pk])),
        Look("tree, roots", reverse("web:dataset", args=[dataset.pk])),
        Look("tree, 2,000 children", f"{branches}?parent={institution.pk}"),
        Look("tree, studies", f"{branches}?parent={patient.pk}"),
        Look("tree, search", search, {"label": "Person 000042"}),
        Look("audit log", reverse("web:audit")),
    ]


def browser(address: str) -> httpx.Client:
    """Return a client that is signed in as the officer."""
    from django.conf import settings  # noqa: PLC0415 - only after the settings are chosen
    from django.test import Client  # noqa: PLC0415 - the same

    from expunge.accounts.models import User  # noqa: PLC0415 - the same

    inside = Client()
    inside.force_login(User.objects.get(email="officer@load.example"))
    name = settings.SESSION_COOKIE_NAME
    cookies = {name: inside.cookies[name].value}
    return httpx.Client(
        base_url=f"http://{address}", cookies=cookies, timeout=60, follow_redirects=True
    )


def asker(client: httpx.Client, look: Look, token: str) -> Callable[[], httpx.Response]:
    """Return the call that asks once; raises when the page does not answer with itself."""
    header = {"X-CSRFToken": token, "HX-Request": "true" if "tree," in look.name else "false"}

    def ask() -> httpx.Response:
        answer = (
            client.get(look.path)
            if look.form is None
            else client.post(look.path, data=look.form, headers=header)
        )
        if answer.status_code != httpx.codes.OK:
            raise SystemExit(f"{look.name}: {answer.status_code} {answer.headers.get('location')}")
        return answer

    return ask


def csrf_token(client: httpx.Client, path: str) -> str:
    """Return the token that the forms of this session carry."""
    text = client.get(path).text
    _, _, rest = text.partition('name="csrfmiddlewaretoken" value="')
    return rest.partition('"')[0]


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--tickets", type=int, default=200_000)
    parser.add_argument("--nodes", type=int, default=2_000_000)
    options = parser.parse_args()
    prepare(options.tickets, options.nodes)
    from expunge.config.processes import Processes, free_address  # noqa: PLC0415 - after setup

    slow = 0
    with Processes() as processes:
        address = free_address()
        processes.start_web(address)
        await_site(address)
        with browser(address) as client:
            wanted = looks()
            token = csrf_token(client, wanted[1].path)
            print(f"{'page':24} {'median':>8} {'95 %':>8}  ms")
            for look in wanted:
                times = measure(asker(client, look, token), options.rounds)
                median = statistics.median(times)
                slow += median > LIMIT_MS
                print(f"{look.name:24} {median:8.0f} {times[int(0.95 * len(times))]:8.0f}")
    return int(bool(slow))


def measure(ask: Callable[[], httpx.Response], rounds: int) -> list[float]:
    """Return sorted times in milliseconds, after two rounds that warm the caches."""
    ask(), ask()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        ask()
        times.append(1000 * (time.perf_counter() - began))
    return sorted(times)


if __name__ == "__main__":
    sys.exit(main())
