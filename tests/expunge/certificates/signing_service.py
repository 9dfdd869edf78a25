"""A signing service over HTTP that really signs: the transit interface, in a process of its own.

    python signing_service.py TOKEN NAME=KIND ...

It makes a key of each kind (``ed25519``, ``ecdsa-p256``, ``rsa-3072``), prints its port, and serves
until it is killed.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

MAKE: dict[str, Any] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ecdsa-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa-3072": lambda: rsa.generate_private_key(65537, 3072),
}


@contextmanager
def signing_service(token: str, **kinds: str) -> Iterator[str]:
    """Run a service with keys of these kinds; yields the address of its transit interface."""
    keys = [f"{name}={kind}" for name, kind in kinds.items()]
    service = subprocess.Popen(
        [sys.executable, __file__, token, *keys], stdout=subprocess.PIPE, text=True
    )
    try:
        assert service.stdout is not None
        yield f"http://127.0.0.1:{int(service.stdout.readline())}/v1/transit"
    finally:
        service.kill()
        service.wait()


class Desk(BaseHTTPRequestHandler):
    """Answers for the public half of a key, and with signatures."""

    token: str
    keys: dict[str, tuple[str, Any]]

    def do_GET(self) -> None:
        name = self.path.removeprefix("/v1/transit/keys/")
        if not self.allowed(name):
            return
        kind, key = self.keys[name]
        public = key.public_key()
        text = (
            base64.b64encode(public.public_bytes_raw()).decode()
            if kind == "ed25519"
            else public.public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ).decode()
        )
        self.answer({"type": kind, "keys": {"1": {"public_key": text}}})

    def do_POST(self) -> None:
        name = self.path.removeprefix("/v1/transit/sign/")
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.allowed(name):
            return
        data = base64.b64decode(said["input"])
        kind, key = self.keys[name]
        if kind == "ed25519":
            signature = key.sign(data)
        elif kind == "rsa-3072":
            assert said["signature_algorithm"] == "pkcs1v15"
            signature = key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        else:
            assert said["marshaling_algorithm"] == "asn1"
            signature = key.sign(data, ec.ECDSA(hashes.SHA256()))
        self.answer({"signature": f"vault:v1:{base64.b64encode(signature).decode()}"})

    def allowed(self, name: str) -> bool:
        if self.headers["X-Vault-Token"] != self.token:
            self.send_error(403)
        elif name not in self.keys:
            self.send_error(404)
        else:
            return True
        return False

    def answer(self, data: dict[str, Any]) -> None:
        content = json.dumps({"data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_given: object) -> None:
        """Say nothing."""


def serve(token: str, kinds: list[str]) -> None:
    Desk.token = token
    Desk.keys = {
        name: (kind, MAKE[kind]()) for name, kind in (item.split("=", 1) for item in kinds)
    }
    with HTTPServer(("127.0.0.1", 0), Desk) as server:
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
