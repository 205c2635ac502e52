"""Who stands by for a daemon's lease: a small file each, whose time says that it waits yet.

It is for people alone: who takes over is decided by the lease.
"""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from presqt_daemon.system.host import boot_seconds, instance_id, is_dead_here

STANDBYS_NAME = "standbys"
TELL_SHARE = 0.25
"""Of the ttl: how often it tells that it waits yet; one operation each time."""

_MAX_BYTES = 512


class WaitingFile:
    """The file of one that stands by; used by one thread."""

    def __init__(
        self,
        mediafiles: Path,
        ttl: float,
        *,
        instance: str = "",
        clock: Callable[[], float] = boot_seconds,
    ) -> None:
        self._instance = instance or instance_id()
        self._path = mediafiles / STANDBYS_NAME / self._instance.rpartition("-")[2]
        self._every = ttl * TELL_SHARE
        self._clock = clock
        self._told_at = float("-inf")

    def tell(self) -> None:
        """Say that it waits, if it is time. That it cannot be said now changes nothing else."""
        if self._clock() - self._told_at < self._every:
            return
        self._told_at = self._clock()
        with contextlib.suppress(OSError):
            try:
                os.utime(self._path)
            except FileNotFoundError:
                self._begin()

    def forget(self) -> None:
        """It waits no more."""
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _begin(self) -> None:
        folder = self._path.parent
        folder.mkdir(0o700, exist_ok=True)
        for path, instance, _silent in _found(folder):
            if is_dead_here(instance):
                path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self._path, flags, 0o600)
        try:
            os.write(handle, os.fsencode(self._instance))
        finally:
            os.close(handle)


def find_standbys(mediafiles: Path, ttl: float) -> list[str]:
    """The instances that stand by, in the order of their names.

    One that has told nothing for the `ttl` is not listed: it is dead or frozen. By the files'
    times, which are right where hosts' clocks are. Raises OSError, not where nobody ever stood by.
    """
    try:
        found = list(_found(mediafiles / STANDBYS_NAME))
    except FileNotFoundError:
        return []
    return sorted(instance for _, instance, silent in found if silent < ttl)


def _found(folder: Path) -> list[tuple[Path, str, float]]:
    """Each file, whose it is, and for how many seconds it has told nothing. Raises OSError."""
    found = []
    for name in os.listdir(folder):
        path = folder / name
        with contextlib.suppress(OSError):
            # opened, so that NFS asks its server for the time
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                silent = time.time() - os.fstat(handle).st_mtime
                found.append((path, os.fsdecode(os.read(handle, _MAX_BYTES)), silent))
            finally:
                os.close(handle)
    return found
