"""The service's folder on a host's own disk: a part for each process, emptied after any death.

PATH/presqt-daemon-UID/         0700, the service's, checked before each run
    .lock                       held while a process comes in and looks for dead ones
    HOST:BOOT:PID-RANDOM/       one process's, with a `.lock` that it holds while it lives
        TICKET.EPOCH/           one run's, removed at its end
"""

import atexit
import contextlib
import errno
import fcntl
import logging
import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from presqt_daemon.system.files import remove_tree
from presqt_daemon.system.host import instance_id, is_same_host

KEY = "staging.scratch"
LOCK_NAME = ".lock"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MAY_RENAME = stat.S_IWGRP | stat.S_IWOTH

_log = logging.getLogger(__name__)


class ScratchError(Exception):
    """Why the scratch folder cannot be used, as a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """This process's part of the scratch folder."""

    folder: Path

    @contextlib.contextmanager
    def place(self, ticket: str, epoch: int) -> Iterator[Path]:
        """A new folder for one run, removed at its end. Raises ScratchError."""
        place = self.folder / f"{ticket}.{epoch}"
        try:
            remove_tree(place)
            place.mkdir(0o700)
        except OSError as error:
            raise ScratchError(f"{place} ({KEY}) cannot be made: {error.strerror}.") from None
        try:
            yield place
        finally:
            _remove(place)


_opened: dict[Path, Scratch] = {}
_lock = threading.Lock()


def open_scratch(base: Path) -> Scratch:
    """This process's part of a scratch folder; what dead ones of this host have left goes first.

    It is opened once, and again where somebody has removed it. Raises ScratchError.
    """
    with _lock:
        folder = service_folder(base)
        known = _opened.get(base)
        if known is None or not known.folder.is_dir():
            try:
                known = _opened[base] = _begin(folder)
            except OSError as error:
                raise ScratchError(f"{folder} ({KEY}): {error.strerror}.") from None
        return known


def service_folder(base: Path) -> Path:
    """The service's own folder in `base`, made where it is missing.

    Nobody else may put something in its place. Raises ScratchError.
    """
    folder = base / f"presqt-daemon-{os.geteuid()}"
    try:
        above = base.stat()
        _refuse_unsafe(base, above)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(0o700)
        status = folder.lstat()
    except FileNotFoundError:
        raise ScratchError(f"{base} ({KEY}) is not there: make it, or mount its disk.") from None
    except OSError as error:
        raise ScratchError(f"{folder} ({KEY}) cannot be used: {error.strerror}.") from None
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise ScratchError(
            f"{folder} ({KEY}) was made by user {status.st_uid}, not by the service: remove it, or "
            "choose another folder."
        )
    if status.st_mode & _OTHERS:
        raise ScratchError(f"{folder} ({KEY}) is open to other users: chmod 700 it.")
    return folder


def _refuse_unsafe(base: Path, status: os.stat_result) -> None:
    """Raise ScratchError where others could rename what is the service's."""
    if not stat.S_ISDIR(status.st_mode):
        raise ScratchError(f"{base} ({KEY}) is no folder.")
    if status.st_uid not in {0, os.geteuid()}:
        raise ScratchError(
            f"{base} ({KEY}) belongs to user {status.st_uid}, who could read or exchange a bag in "
            "it: choose a folder of root's or of the service's own."
        )
    if status.st_mode & _MAY_RENAME and not status.st_mode & stat.S_ISVTX:
        raise ScratchError(
            f"{base} ({KEY}) lets others rename what is in it: chmod +t it, or take their right "
            "to write away."
        )


def _begin(folder: Path) -> Scratch:
    """A part for this process, held by a lock until it ends. Raises OSError."""
    with _held(folder / LOCK_NAME):
        for name in os.listdir(folder):
            if name != LOCK_NAME and is_same_host(name, instance_id()):
                _remove_if_dead(folder / name)
        own = folder / instance_id()
        own.mkdir(0o700, exist_ok=True)
        handle = _open_lock(own / LOCK_NAME)  # closed by the kernel, however the process ends
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    atexit.register(_remove, own)
    return Scratch(own)


def _remove_if_dead(part: Path) -> None:
    """Remove what a process of this host has left; of one that lives nothing."""
    try:
        with _held(part / LOCK_NAME, wait=False):
            pass
    except OSError as error:
        if error.errno != errno.ENOENT:  # nobody had it yet
            return
    _log.info("removing what a process that is gone has left in %s", part)
    _remove(part)


@contextlib.contextmanager
def _held(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock meanwhile. Raises OSError, BlockingIOError when it is held and not waited for."""
    handle = _open_lock(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)


def _open_lock(path: Path) -> int:
    """A lock's file, open for writing: over NFS nothing else is locked."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _remove(folder: Path) -> None:
    try:
        remove_tree(folder)
    except OSError as error:
        _log.warning("%s could not be removed: %s", folder, error.strerror)
