"""Locks held by open files: they end with the last process that holds them, however it ends.

A lock is handed down to the library's process, so that a worker that takes an attempt over can
see whether the process of the worker before is still alive, and end it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import time
from pathlib import Path

KILL_SECONDS = 10.0


class FileLock:
    """An exclusive lock on a file, without waiting; ``fd`` may be inherited."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.fd = -1

    def acquire(self) -> bool:
        """Take the lock and say whether that went well."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self.fd = fd
        return True

    def release(self) -> None:
        """Let go of our handle; a child that inherited the lock goes on holding it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class RunLock(FileLock):
    """The lock of one attempt's folder; its file names host and process group of the child."""

    def name_group(self, group: int) -> None:
        """Note which process group works in the folder."""
        self.clear()
        os.pwrite(self.fd, f"{socket.gethostname()} {group}".encode(), 0)

    def clear(self) -> None:
        """Note that no process works in the folder any more: its id may be reused from now on."""
        os.ftruncate(self.fd, 0)

    def evict(self) -> bool:
        """Take the lock; end a left-over process group of this host first, if one holds it."""
        deadline = time.monotonic() + KILL_SECONDS
        while not self.acquire():
            if time.monotonic() > deadline or not self._kill_group():
                return False
            time.sleep(0.05)
        return True

    def _kill_group(self) -> bool:
        """Kill the noted group. It is alive, for someone holds the lock: the id is not reused."""
        host, _, group = self._path.read_text(encoding="utf-8").partition(" ")
        if host != socket.gethostname() or not group.isdecimal():
            return False
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(group), signal.SIGKILL)
        return True
