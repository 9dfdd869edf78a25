"""A small OpenID Connect provider: real HTTP, PKCE and signed ID tokens, one person at a time."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "expunge", "a secret: with signs & such"


@dataclass
class Provider:
    """The provider: whom it says has signed in, and how it may misbehave."""

    claims: dict[str, Any] = field(default_factory=dict)
    """What it says beside ``sub``, in the ID token."""
    told: dict[str, Any] | None = None
    """What its userinfo endpoint answers."""
    subject: str = "subject-1"
    altered: dict[str, Any] = field(default_factory=dict)
    """Claims of the ID token that are not as they should be."""
    denies: bool = False
    url: str = ""
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    forger: rsa.RSAPrivateKey | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def keys(self) -> dict[str, Any]:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": "one", "alg": "RS256", "use": "sig"}]}

    def authorize(self, query: dict[str, str]) -> str:
        """Return where the browser goes."""
        answer = {"state": query["state"]}
        if self.denies:
            return f"{query['redirect_uri']}?{urlencode({**answer, 'error': 'access_denied'})}"
        code = secrets.token_urlsafe(8)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({**answer, 'code': code})}"

    def token(self, form: dict[str, str]) -> dict[str, Any] | None:
        """Return tokens for a code, once, to the client that proves it asked for the code."""
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or challenge != asked["code_challenge"]:
            return None
        if form["client_secret"] != CLIENT_SECRET:
            return None
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": self.subject,
            "iat": now,
            "exp": now + 60,
            **self.claims,
            **self.altered,
        }
        signed = jwt.encode(
            claims, self.forger or self.key, algorithm="RS256", headers={"kid": "one"}
        )
        return {"access_token": "opaque", "token_type": "Bearer", "id_token": signed}


def serve(provider: Provider) -> ThreadingHTTPServer:
    """Start the provider on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self.send_response(302)
                self.send_header("Location", provider.authorize(query))
                self.end_headers()
                return
            answers = {
                "/.well-known/openid-configuration": provider.configuration(),
                "/keys": provider.keys(),
                "/userinfo": provider.told,
            }
            self._answer(answers.get(parts.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(provider.token({k: v[0] for k, v in parse_qs(body).items()}))

        def _answer(self, body: dict[str, Any] | None) -> None:
            self.send_response(400 if body is None else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body or {"error": "invalid_grant"}).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
