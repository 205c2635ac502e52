"""Locks that the kernel lets go with the process: one daemon for each folder, and ended tickets."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import stat
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from presqt_daemon.leases.heartbeat import HEARTBEAT_NAME, TornHeartbeatError, read_heartbeat
from presqt_daemon.schemas.json_values import object_from_json
from presqt_daemon.system.files import give_to_owner
from presqt_daemon.system.host import host_name, is_of_this_boot

LOCK_NAME = ".presqt-daemon.lock"
LEASE_POLL_SECONDS = 0.02
ASKING_SECONDS = 0.5
"""Whoever asks whether a folder is held has the lock for a moment; a start waits that out."""

ENDED_LOCK_NAME = ".ended-tickets.lock"

_TRIES = 100
_WOULD_BLOCK = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class HeldError(Exception):
    """Another instance holds a folder; the message says which and who."""


class FolderLock:
    """The exclusive lock on a folder, held until `release` or the end of the process.

    Others may write in the folder: only a file that they can neither have made nor open counts;
    `has_cleared` tells that another one had the lock's name and was removed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        lease: Path | None = None,
        has_lease: bool = False,
        patience: float = ASKING_SECONDS,
    ) -> None:
        """Take the lock. Raises HeldError when another instance has it, OSError.

        `lease` is where the daemon's lease lies. Who `has_lease` takes the lock from an instance
        that had it before: that one may be frozen, and its lock with it, for ever.
        """
        self.path = folder / LOCK_NAME
        whose = "" if lease is None else str(lease)
        self._patience = patience
        self._handle, self.has_cleared = _open_own(self.path)
        while not self._is_taken():
            holder = object_from_json(os.pread(self._handle, 4096, 0))
            os.close(self._handle)
            if not has_lease or not whose or holder.get("lease") != whose:
                raise HeldError(f"{folder} is held by {_shown(holder)}")
            # what it has open is no lock of this name any more
            self.path.unlink(missing_ok=True)
            self._handle, _ = _open_own(self.path)
        who = json.dumps({"host": host_name(), "pid": os.getpid(), "lease": whose}).encode()
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, who, 0)

    def _is_taken(self) -> bool:
        """Whether the lock could be had, on the file that has its name."""
        while _lock(
            lambda: fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB), self._patience
        ):
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._handle), self.path.lstat()):
                    return True
            # it was taken from a dead holder a moment ago, and made anew
            os.close(self._handle)
            self._handle, _ = _open_own(self.path)
        return False

    def give_to_owner(self) -> None:
        """Let the file that root may have made here be the folder's owner's. Raises OSError."""
        give_to_owner(self._handle, self.path.parent)

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
    """Hold an ended ticket against everybody else who would change its record.

    An open ticket needs none of this: it has its holder in the daemon. Whoever opens an ended one
    again holds the lease while doing so. The lock is one byte, by the ticket's number, of a file
    that is open for writing: NFS makes such locks of all others, and refuses them on a folder.
    Raises HeldError when another has it for longer than `wait_seconds`, FileNotFoundError for a
    ticket that is gone, OSError.
    """
    os.stat(ticket)
    handle = _open_shared(ticket.parent.parent / ENDED_LOCK_NAME)
    wanted = struct.pack("hhqqiq", fcntl.F_WRLCK, os.SEEK_SET, _place_of(ticket.name), 1, 0, 0)
    try:
        # of the open file, not of the process: its threads hold each other off (fcntl(2))
        take = partial(fcntl.fcntl, handle, fcntl.F_OFD_SETLK, wanted)
        if not _lock(take, wait_seconds, clock, sleep):
            raise HeldError(f"ticket {ticket.name} is busy")
        yield
    finally:
        os.close(handle)


def is_held(folder: Path) -> bool:
    """Whether an instance holds the folder now, on this host or, as its lease says, on another."""
    return _is_locked(folder) or is_held_elsewhere(folder)


def is_held_elsewhere(folder: Path) -> bool:
    """Whether the daemon of another host has told lately that it lives.

    By the file's time, which is right where hosts' clocks are: good enough to tell people, and for
    nothing else.
    """
    try:
        beat = read_heartbeat(folder)
        age = time.time() - (folder / HEARTBEAT_NAME).lstat().st_mtime
    except (OSError, TornHeartbeatError):
        return False
    if beat is None or beat.is_released or beat.is_alone or is_of_this_boot(beat.instance):
        return False
    return age < beat.ttl


def _is_locked(folder: Path) -> bool:
    """Whether an instance of this host has the lock; False where there is no lock file.

    Who may not open that is told by what its holder wrote, which a killed one leaves behind.
    """
    path = folder / LOCK_NAME
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except PermissionError:
        with contextlib.suppress(OSError):
            return path.lstat().st_size > 0
        return False
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _WOULD_BLOCK
    finally:
        os.close(handle)
    return False


def _open_own(path: Path) -> tuple[int, bool]:
    """The lock file, open; made anew where something else has its name, and whether it had.

    Raises HeldError for one of root's that this user cannot open, OSError.
    """
    has_cleared = False
    for _ in range(_TRIES):
        with contextlib.suppress(FileExistsError):
            return os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600), has_cleared
        try:
            status = path.lstat()
            is_own = _is_own(status, path.parent)
            if is_own:
                handle = os.open(path, _FLAGS)
            else:
                _remove(path)
                has_cleared = True
                continue
        except FileNotFoundError:
            continue
        except PermissionError as error:
            who = "another user's presqt-daemon" if is_own else "somebody else's file"
            raise HeldError(f"{path.parent} is held by {who} ({error.strerror})") from None
        if os.path.samestat(os.fstat(handle), status):
            with contextlib.suppress(PermissionError):
                os.fchmod(handle, 0o600)  # whoever can read it can lock it
            return handle, has_cleared
        os.close(handle)
    raise HeldError(f"{path} is put in the way again and again")


def _is_own(status: os.stat_result, folder: Path) -> bool:
    """Whether a lock file is one that we, root or the folder's owner made, under one name only."""
    owners = {0, os.geteuid(), folder.stat().st_uid}
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid in owners


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except IsADirectoryError:
        path.rename(path.with_name(f"{path.name}.{time.time_ns()}.folder"))


def _lock(
    take: Callable[[], object],
    wait_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Take a lock; False when another has it for longer than `wait_seconds`.

    Only "it would block" says that: all else is a file system that has no such locks. Raises
    OSError for that.
    """
    deadline = clock() + wait_seconds
    while True:
        try:
            take()
        except OSError as error:
            if error.errno not in _WOULD_BLOCK:
                raise
            if clock() >= deadline:
                return False
        else:
            return True
        sleep(LEASE_POLL_SECONDS)


def _place_of(ticket: str) -> int:
    """A ticket's byte in the file of locks, the same for everybody."""
    return int.from_bytes(hashlib.sha256(ticket.encode()).digest()[:7], "big")


def _open_shared(path: Path) -> int:
    """The file of locks, open for writing; made where it is missing, for the folder's owner."""
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, _FLAGS)
    handle = os.open(path, _FLAGS | os.O_CREAT, 0o600)
    give_to_owner(handle, path.parent)
    return handle


def _shown(holder: Mapping[str, Any]) -> str:
    if holder.keys() >= {"pid", "host"}:
        return f"another presqt-daemon (pid {holder['pid']} on {holder['host']})"
    return "another presqt-daemon"
