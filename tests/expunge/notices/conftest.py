"""A letter to queue, an endpoint to call, and a real HTTP server that answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from expunge.notices.endpoints import endpoint_create
from expunge.notices.kinds import EventKind
from expunge.notices.models import WebhookEndpoint
from tests.expunge.factories import People


@dataclass
class Receiver:
    """A real HTTP server on this machine that keeps what it gets."""

    server: ThreadingHTTPServer
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            mine.got.append(({name.lower(): v for name, v in self.headers.items()}, body))
            mine.paths.append(self.path)
            self.send_response(mine.status)
            for name, value in mine.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    mine = Receiver(server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield mine
    server.shutdown()
    server.server_close()


Made = tuple[WebhookEndpoint, str]


@pytest.fixture
def make_endpoint(cast: People, receiver: Receiver) -> Callable[..., Made]:
    def make(**given: Any) -> Made:
        defaults: dict[str, Any] = {
            "actor": cast.ada,
            "controller_id": cast.controller.pk,
            "name": "Ticket system",
            "url": receiver.url,
            "kinds": [EventKind.TICKET_MOVED],
        }
        return endpoint_create(**{**defaults, **given})

    return make
