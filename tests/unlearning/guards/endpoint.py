"""A small local server with OpenAI's chat interface over a real model, and with its moods."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from unlearning.guards.speakers import Speaker


@dataclass
class Mood:
    """What the server does before it answers; ``requests`` are the bodies that came, in order.

    ``refuse`` is a list of statuses to answer with first, ``hang`` seconds to wait.
    """

    speaker: Speaker | None = None
    refuse: list[int] = field(default_factory=list)
    hang: float = 0.0
    garbage: bool = False
    keys: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def serving(mood: Mood) -> Iterator[str]:
    """Serve on a free port of this machine; yields the address."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name is http.server's
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                mood.requests.append(body)
                mood.keys.append(self.headers.get("Authorization", ""))
                status = mood.refuse.pop(0) if mood.refuse else 200
                time.sleep(mood.hang)
                said = ""
                if status == 200 and mood.speaker is not None:
                    said = mood.speaker.say(body["messages"], body["max_tokens"])
            answer = {"choices": [{"message": {"role": "assistant", "content": said}}]}
            content = b"<html>" if mood.garbage else json.dumps(answer).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/v1/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
