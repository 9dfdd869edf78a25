"""A real RFC 3161 timestamp authority over HTTP: OpenSSL behind a socket, in a process of its own.

    python timestamp_server.py FOLDER

``FOLDER`` holds ``timestamp.key.pem``, ``timestamp.crt.pem`` and the authority's own key. It
answers queries by POST, and GET ``/crl`` with a fresh revocation list, until it is killed. The
clock of such a process may be ahead (``faketime``).
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

from expunge.common import pki

CONFIGURATION = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
signer_cert = {folder}/timestamp.crt.pem
signer_key = {folder}/timestamp.key.pem
signer_digest = sha256
default_policy = 1.3.6.1.4.1.55555.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""
QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
SHIFTS = "*/faketime/libfaketime.so.1"
small_rsa = partial(rsa.generate_private_key, 65537, 2048)


def clock(shift: str) -> dict[str, str]:
    """Return the environment of a process whose clock is ahead by a shift, such as ``+1461d``."""
    if not shift:
        return {}
    library = str(next(Path("/usr/lib").glob(SHIFTS)))
    return {"LD_PRELOAD": library, "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class Authority:
    """A timestamp authority: a root, a certificate that ends after some years, an address."""

    def __init__(
        self, folder: Path, make: Callable[[], CertificateIssuerPrivateKeyTypes], years: int = 15
    ) -> None:
        folder.mkdir(parents=True)
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        self.folder, self.url, self.roots = folder, f"http://127.0.0.1:{port}/", b""
        self._issue(make(), years)
        (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
        (folder / "serial").write_text("01\n")
        (folder / "port").write_text(str(port))

    @contextmanager
    def running(self, shift: str = "") -> Iterator[None]:
        """Serve; ``shift`` (such as ``+1461d``) is how far its clock is ahead."""
        server = subprocess.Popen(
            [sys.executable, __file__, str(self.folder)],
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin", **clock(shift)},
        )
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            yield
        finally:
            server.kill()
            server.wait()

    def _issue(self, key: CertificateIssuerPrivateKeyTypes, years: int) -> None:
        own = pki.elliptic()
        name = _name(f"{self.folder.name} root")
        root = _certificate(name, name, own, 15, x509.BasicConstraints(ca=True, path_length=0))
        root = root.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False
        )
        point = x509.DistributionPoint(
            [x509.UniformResourceIdentifier(f"{self.url}crl")], None, None, None
        )
        usage = x509.ExtendedKeyUsage([pki.TIME_STAMPING])
        end = _certificate(_name(f"{self.folder.name} timestamps"), name, key, years, usage)
        end = end.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        self.roots = _pem(root.sign(own, hashes.SHA256()))
        for file, content in (
            ("roots.pem", self.roots),
            ("authority.key.pem", _key_pem(own)),
            ("timestamp.crt.pem", _pem(end.sign(own, hashes.SHA256()))),
            ("timestamp.key.pem", _key_pem(key)),
        ):
            (self.folder / file).write_bytes(content)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: CertificateIssuerPrivateKeyTypes,
    years: int,
    extension: x509.ExtensionType,
) -> x509.CertificateBuilder:
    start = datetime.now(UTC) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365 * years))
        .add_extension(extension, critical=True)
    )


def _name(title: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, title)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


class Desk(BaseHTTPRequestHandler):
    """Answers a timestamp query with what OpenSSL makes of it."""

    folder: Path

    def do_GET(self) -> None:
        crl = pki.revocation_list(self.folder)
        assert crl is not None
        self.answer("application/pkix-crl", crl)

    def do_POST(self) -> None:
        if self.headers["Content-Type"] != QUERY:
            self.send_error(415)
            return
        self.answer(REPLY, self.stamped(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def stamped(self, query: bytes) -> bytes:
        with tempfile.TemporaryDirectory() as place:
            asked, said = Path(place) / "query", Path(place) / "reply"
            asked.write_bytes(query)
            reply = ["openssl", "ts", "-reply", "-config", str(self.folder / "tsa.cnf")]
            files = ["-queryfile", str(asked), "-out", str(said)]
            subprocess.run([*reply, *files], check=True, capture_output=True)
            return said.read_bytes()

    def log_message(self, *_given: object) -> None:
        """Say nothing: the tests look at the tokens."""


def serve(folder: Path) -> None:
    Desk.folder = folder
    with HTTPServer(("127.0.0.1", int((folder / "port").read_text())), Desk) as server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
