"""Events of the kernel that wake a scanner early; what they say is a hint, the scan is the truth.

Watches go blind without a word: the folder was renamed away and made anew, unmounted, mounted
over, reached through a link; the kernel's limits were met; its queue ran over. So each scan says
which folders it found, and watches that are not on exactly these are made again.

All folders on local file systems share one inotify instance with one thread, each other mount has
one of its own. A watch is added by the scanner's thread, under no lock: a folder whose mount hangs
holds up its own scanner.
"""

import ctypes
import errno
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from watchdog.observers.inotify_c import (
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    WatchDescriptor,
    inotify_add_watch,
    inotify_rm_watch,
)

from presqt_daemon.inbox.files.places import InboxFolder
from presqt_daemon.system.logs import shared_log

MAX_WATCHES = 1000
"""For one scanner. Folders beyond are found by the periodic scan."""

OVERFLOW_SECONDS = 60.0

_MASK = (
    InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_CREATE  # a hard link shows by nothing else
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_DONT_FOLLOW
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Something happened to a name in a folder; empty for folders: a scan has to look."""

    folder: Path
    name: str


HintTaker = Callable[[Hint], None]


class _Instance(InotifyFD):
    """One inotify instance and the thread that reads it, for folders of several scanners."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "inbox-watch"
        self._takers: dict[WatchDescriptor, tuple[Path, HintTaker]] = {}
        self._overflowed = float("-inf")

    def add(self, path: Path, take: HintTaker) -> WatchDescriptor:
        """Watch a folder. May hang as long as its mount does; raises OSError."""
        number = inotify_add_watch(self._inotify_fd, os.fsencode(path), _MASK)
        if number == -1:
            code = ctypes.get_errno()
            reason = {
                errno.ENOSPC: "the limit of inotify watches is reached",
                errno.EMFILE: "the limit of inotify instances is reached",
            }.get(code, os.strerror(code))
            raise OSError(code, reason)
        # what happens before this line is found by the scan that follows each new watch
        self._takers[number] = (path, take)
        return number

    def remove(self, number: WatchDescriptor) -> None:
        """Watch a folder no more; one that is gone already is fine."""
        if self._takers.pop(number, None) is not None:
            inotify_rm_watch(self._inotify_fd, number)

    def has(self, number: WatchDescriptor) -> bool:
        """Whether the kernel still watches, as far as it has told."""
        return number in self._takers and self.is_alive()

    def handle_event(self, event: InotifyEvent) -> None:
        """Hand an event on; runs on the instance's thread."""
        if event.is_queue_overflow:
            now = time.monotonic()
            if now - self._overflowed >= OVERFLOW_SECONDS:  # whoever floods a folder may repeat it
                self._overflowed = now
                _log.warning("the queue of file events overflowed: every folder is scanned")
            for folder, take in list(self._takers.values()):
                take(Hint(folder=folder, name=""))
        elif event.is_ignored:
            self._takers.pop(event.wd, None)
        elif (found := self._takers.get(event.wd)) is not None:
            folder, take = found
            name = "" if event.is_directory else os.fsdecode(event.name)
            if event.name:
                take(Hint(folder=folder, name=name))


class WatchInstances:
    """The instances of a process: one for all local file systems, one for each other mount."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._instances: dict[int | None, _Instance] = {}
        self._users: dict[int | None, set[object]] = {}

    def acquire(self, mount: int | None, user: object) -> _Instance:
        """The running instance of a mount, None for local ones. Raises OSError."""
        with self._lock:
            instance = self._instances.get(mount)
            if instance is None or not instance.is_alive():
                instance = _Instance()
                try:
                    instance.start()
                except RuntimeError as error:  # no thread can be started now
                    instance._close_resources()  # noqa: SLF001  (its thread would do so)
                    raise OSError(errno.EAGAIN, str(error)) from None
                self._instances[mount] = instance
            self._users.setdefault(mount, set()).add(user)
            return instance

    def release(self, user: object) -> None:
        """A scanner has ended; instances that no scanner uses end too."""
        ended = []
        with self._lock:
            for mount, users in list(self._users.items()):
                users.discard(user)
                if not users:
                    del self._users[mount]
                    ended.append(self._instances.pop(mount))
        for instance in ended:
            instance.stop()
            instance.join(2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    identity: tuple[int, int]
    instance: _Instance
    number: WatchDescriptor


class FolderWatch:
    """The watches of one scanner. Only the scanner's thread calls it; hints come on another."""

    def __init__(self, scanner: InboxFolder, hint: HintTaker, instances: WatchInstances) -> None:
        self._label, self._target = scanner.shown, scanner.known_target
        self._hint = hint
        self._instances = instances
        self._watched: dict[Path, _Watched] = {}
        self._wanted: set[Path] = set()
        self._is_blind = False

    @property
    def is_blind(self) -> bool:
        """Whether some folder that should be watched is not, so that only scans see it."""
        return self._is_blind

    def keep(self, path: Path, identity: tuple[int, int], *, is_local: bool = True) -> bool:
        """Watch the folder that is at this real path now; True when that watch is new.

        Never raises: where the kernel refuses, the scanner goes on by scanning alone.
        """
        self._wanted.add(path)
        watched = self._watched.get(path)
        if (
            watched is not None
            and watched.identity == identity
            and watched.instance.has(watched.number)
        ):
            return False
        if watched is not None:
            self._forget(path)
        if len(self._watched) >= MAX_WATCHES:
            return False
        try:
            instance = self._instances.acquire(None if is_local else identity[0], self)
            number = instance.add(path, self._hint)
        except OSError as error:
            self._go_blind(error)
            return False
        self._watched[path] = _Watched(identity=identity, instance=instance, number=number)
        return True

    def end_round(self) -> None:
        """Drop the watches of folders that were not kept since the last call."""
        for path in [path for path in self._watched if path not in self._wanted]:
            self._forget(path)
        if self._is_blind and self._wanted <= self._watched.keys():
            self._is_blind = False
            log = shared_log("watched again", self._target)
            log.info("%s: folders are watched again", self._label)
        self._wanted.clear()

    def stop(self) -> None:
        """End all watches."""
        for path in list(self._watched):
            self._forget(path)
        self._instances.release(self)

    def _forget(self, path: Path) -> None:
        watched = self._watched.pop(path)
        if watched.instance.is_alive():
            watched.instance.remove(watched.number)

    def _go_blind(self, error: OSError) -> None:
        if not self._is_blind:
            reason = error.strerror or str(error)
            log = shared_log("not watched", self._target)
            log.warning("%s: not watched (%s); found by scanning alone", self._label, reason)
        self._is_blind = True
