"""Calling an address that somebody typed in, without being turned against the own network.

The name is resolved once, every address it stands for is checked, and the connection goes to a
checked address: a name that changes its meaning between check and call reaches nothing. There
are no redirects, no proxies, few ports, TLS with the name checked, and a limit on the whole time.
Of the answer only the status is read.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Timer
from time import monotonic
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from expunge.common.errors import InvalidInputError

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Sequence[str]]

CONNECT_SECONDS, WHOLE_SECONDS = 5.0, 15.0
URL_MOST = 500
TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""NAT64: an IPv4 address in disguise (RFC 6052, RFC 8215)."""
AGENT = "Expunge-Webhooks/1"


class RefusedError(Exception):
    """The call is not made; ``code`` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Target:
    """Where a call goes: what was asked for, in parts."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return the Host header."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.secure else 80
        return name if self.port == usual else f"{name}:{self.port}"


@dataclass(frozen=True)
class Answer:
    """What came of a call: a status, or a code for what went wrong."""

    status: int | None
    error: str
    milliseconds: int

    @property
    def is_success(self) -> bool:
        """Say whether the receiver took it."""
        return self.status is not None and http.client.OK <= self.status < 300  # noqa: PLR2004


def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for every address of a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def url_check(url: str) -> None:
    """Refuse an address that no call will ever go to; raises ``url_refused``."""
    try:
        target_of(url)
    except RefusedError as error:
        raise InvalidInputError(
            "url_refused",
            _("Webhooks go to an https:// address on the internet, port %(ports)s, without a user.")
            % {"ports": ", ".join(map(str, settings.EXPUNGE_WEBHOOK_PORTS))},
            field="url",
            reason=error.code,
        ) from error


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, resolver: Resolver = resolve
) -> Answer:
    """Send a body; never raises for what the other side or the network does."""
    began = monotonic()
    status, error = None, ""
    try:
        target = target_of(url)
        address = checked_address(target, resolver)
        status = _exchange(target, address, body, headers)
    except RefusedError as refused:
        error = refused.code
    except ssl.SSLError:
        error = "tls"
    except TimeoutError:
        error = "timeout"
    except (OSError, http.client.HTTPException) as failure:
        late = monotonic() - began >= WHOLE_SECONDS
        error = "timeout" if late else f"connection_{type(failure).__name__}"[:60]
    return Answer(status, error, int((monotonic() - began) * 1000))


def target_of(url: str) -> Target:
    """Take an address apart; raises :class:`RefusedError` for one that is not called."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode() if parts.hostname else ""
    except (ValueError, UnicodeError) as error:
        raise RefusedError("url_malformed") from error
    path = _path(parts)
    if len(url) > URL_MOST or " " in url or not url.isprintable() or not path.isascii():
        raise RefusedError("url_malformed")
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise RefusedError("url_malformed")
    secure = parts.scheme == "https"
    if not secure and not (parts.scheme == "http" and settings.EXPUNGE_WEBHOOK_LOOPBACK):
        raise RefusedError("scheme")
    number = port or (443 if secure else 80)
    if number not in settings.EXPUNGE_WEBHOOK_PORTS and not settings.EXPUNGE_WEBHOOK_LOOPBACK:
        raise RefusedError("port")
    return Target(secure, host, number, path)


def checked_address(target: Target, resolver: Resolver) -> Address:
    """Return the address to connect to; one bad address of a name spoils the name.

    Raises:
        RefusedError: ``name_unknown``, ``address``, ``scheme``, ``port``.
    """
    try:
        found = [ip_address(item.partition("%")[0]) for item in resolver(target.host, target.port)]
    except (OSError, ValueError) as error:
        raise RefusedError("name_unknown") from error
    if not found:
        raise RefusedError("name_unknown")
    if settings.EXPUNGE_WEBHOOK_LOOPBACK and all(item.is_loopback for item in found):
        return found[0]
    if not all(is_public(item) for item in found):
        raise RefusedError("address")
    if not target.secure:
        raise RefusedError("scheme")
    if target.port not in settings.EXPUNGE_WEBHOOK_PORTS:
        raise RefusedError("port")
    return found[0]


def is_public(address: Address) -> bool:
    """Say whether an address lies on the internet, and is no other address in disguise."""
    if isinstance(address, IPv6Address):
        disguised = address.ipv4_mapped or address.sixtofour or address.teredo
        if disguised or any(address in network for network in TRANSLATED):
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


class _Pinned(http.client.HTTPConnection):
    """A connection to a checked address that speaks, and checks, the name that was asked for."""

    def __init__(self, target: Target, address: Address) -> None:
        super().__init__(target.host, target.port, timeout=CONNECT_SECONDS)
        self._target, self._address = target, address

    def connect(self) -> None:
        """Connect to the address; nothing is looked up again."""
        place = (str(self._address), self._target.port)
        self.sock = socket.create_connection(place, CONNECT_SECONDS)
        if self._target.secure:
            secured = ssl.create_default_context().wrap_socket(
                self.sock, server_hostname=self._target.host, do_handshake_on_connect=False
            )
            self.sock = secured  # before the handshake, so that the time limit can end it
            secured.do_handshake()


def _exchange(target: Target, address: Address, body: bytes, headers: Mapping[str, str]) -> int:
    connection = _Pinned(target, address)

    def hang_up() -> None:
        with suppress(OSError):
            if connection.sock:
                connection.sock.shutdown(socket.SHUT_RDWR)

    limit = Timer(WHOLE_SECONDS, hang_up)  # a timeout of the socket starts anew with every byte
    limit.daemon = True
    limit.start()
    try:
        connection.request(
            "POST",
            target.path,
            body,
            {
                **headers,
                "Host": target.authority,
                "Content-Type": "application/json",
                "User-Agent": AGENT,
                "Connection": "close",
            },
        )
        return connection.getresponse().status
    finally:
        limit.cancel()
        connection.close()


def _path(parts: SplitResult) -> str:
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path
