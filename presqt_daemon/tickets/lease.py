"""Locks that the kernel lets go with the process: one daemon for each folder, and ended tickets."""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from presqt_daemon.system.host import host_name

LOCK_NAME = ".presqt-daemon.lock"
LEASE_POLL_SECONDS = 0.02


class HeldError(Exception):
    """Another instance holds a folder; the message says which and who."""


class FolderLock:
    """The exclusive lock on a folder, held until `release` or the end of the process."""

    def __init__(self, folder: Path) -> None:
        """Take the lock. Raises HeldError when another instance has it."""
        self.path = folder / LOCK_NAME
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._handle = os.open(self.path, flags, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._handle, 4096, 0)
            os.close(self._handle)
            raise HeldError(f"{folder} is held by {_shown(holder)}") from None
        who = json.dumps({"host": host_name(), "pid": os.getpid()}).encode()
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, who, 0)

    def release(self) -> None:
        """Let go; the file stays, so that two lockers always meet on one inode."""
        os.ftruncate(self._handle, 0)
        os.close(self._handle)


@contextlib.contextmanager
def lease_ended(
    ticket: Path,
    *,
    wait_seconds: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold an ended ticket's folder against everybody else who would change its record.

    An open ticket needs none of this: it has its holder in the daemon. Whoever opens an ended one
    again holds the lease while doing so. Raises HeldError when another has it for longer than
    `wait_seconds`, OSError when the folder cannot be opened.
    """
    deadline = clock() + wait_seconds
    handle = os.open(ticket, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if clock() >= deadline:
                    raise HeldError(f"ticket {ticket.name} is busy") from None
            sleep(LEASE_POLL_SECONDS)
        yield
    finally:
        os.close(handle)


def is_held(folder: Path) -> bool:
    """Whether an instance holds the folder now; False where there is no lock file."""
    try:
        handle = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _shown(holder: bytes) -> str:
    try:
        who = json.loads(holder)
        return f"another presqt-daemon (pid {who['pid']} on {who['host']})"
    except (ValueError, KeyError, TypeError):
        return "another presqt-daemon"
