"""Looks now and then whether the daemon's folders are still on the disks that it began with.

After an unmount (or under a file server that went away) their names lead to other folders, or to
none. What is open there goes on; it is said once, and once more when they are back.
"""

import logging
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from presqt_daemon.system.shortage import start_thread

EVERY_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Mounts:
    """A thread of its own, since a look at a folder may take as long as its file server likes."""

    def __init__(self, folders: Mapping[str, Path], every: float = EVERY_SECONDS) -> None:
        self._folders = folders
        self._every = every
        self._known: dict[str, int] = {}
        self._missing: frozenset[str] = frozenset()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def missing(self) -> frozenset[str]:
        """The folders, by their keys in the configuration, that are not what they were."""
        return self._missing

    def start(self) -> None:
        """Begin to look; again where no thread could be had. Raises OSError."""
        if self._thread is None:
            self._known = self._known or {name: _seen(path) for name, path in self._folders.items()}
            self._thread = start_thread(self._live, "mounts")

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def check_folders(self) -> None:
        """Warn of each folder that is gone from its disk, and of each that is there again."""
        missing = frozenset(name for name in self._known if not self._is_same(name))
        _tell(missing - self._missing, "is not on the disk where it was: is that not mounted?")
        _tell(self._missing - missing, "is there again")
        self._missing = missing

    def _is_same(self, name: str) -> bool:
        try:
            return _seen(self._folders[name]) == self._known[name]
        except OSError:
            return False

    def _live(self) -> None:
        while not self._stopped.wait(self._every):
            self.check_folders()


def _seen(folder: Path) -> int:
    """The disk; a folder that somebody has made anew on the same one will do."""
    return folder.stat().st_dev


def _tell(names: Iterable[str], what: str) -> None:
    for name in sorted(names):
        _log.error("%s %s", name, what)
