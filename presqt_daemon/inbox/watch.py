"""Events of the kernel that wake a lane early; what they say is a hint, the scan is the truth.

Watches go blind without a word: the folder was renamed away and made anew, unmounted, mounted
over, reached through a link; the kernel's limits were met; its queue ran over. So each scan says
which folders it found, and watches that are not on exactly these are made again.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import ObservedWatch
from watchdog.observers.inotify import InotifyFullEmitter, InotifyObserver
from watchdog.observers.inotify_c import InotifyConstants

MAX_WATCHES = 64
"""For one lane; each costs a thread. Folders beyond are found by the periodic scan."""

_EVENTS: list[type[FileSystemEvent]] = [
    FileClosedEvent,
    FileMovedEvent,
    FileCreatedEvent,
    DirMovedEvent,
    DirCreatedEvent,
]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Something happened to a name in a folder; empty for folders: a scan has to look."""

    folder: Path
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    identity: tuple[int, int]
    watch: ObservedWatch


class _Emitter(InotifyFullEmitter):
    """Tells of names that come, not of names that go.

    Half a rename is held back for half a second, with all that follows it, in case the other half
    comes; and every claim is a rename out of the folder.
    """

    def get_event_mask_from_filter(self) -> Any:
        mask: Any = super().get_event_mask_from_filter()
        return mask & ~InotifyConstants.IN_MOVED_FROM


class _Observer(InotifyObserver):
    """Has an inotify instance of its own.

    One shared by all lanes would be locked for all while a watch is added in a folder that hangs.
    """

    def __init__(self) -> None:
        super().__init__(generate_full_events=True)
        self._emitter_class = _Emitter


class FolderWatch:
    """The watches of one lane. Only the lane's thread calls it; hints come on another."""

    def __init__(self, label: str, hint: Callable[[Hint], None]) -> None:
        self._label = label
        self._handler = _Handler(hint)
        self._observer: _Observer | None = None
        self._watched: dict[Path, _Watched] = {}
        self._wanted: set[Path] = set()
        self._is_blind = False

    @property
    def is_blind(self) -> bool:
        """Whether some folder that should be watched is not, so that only scans see it."""
        return self._is_blind

    def keep(self, path: Path, identity: tuple[int, int]) -> bool:
        """Watch the folder that is at this real path now; True when that watch is new.

        Never raises: where the kernel refuses, the lane goes on by scanning alone.
        """
        self._wanted.add(path)
        watched = self._watched.get(path)
        if watched is not None and watched.identity == identity and self._is_alive(watched):
            return False
        if watched is not None:
            self._forget(path)
        if len(self._watched) >= MAX_WATCHES:
            return False
        try:
            watch = self._started().schedule(
                self._handler, os.fspath(path), recursive=False, event_filter=_EVENTS
            )
        except (OSError, RuntimeError) as error:  # the latter where no thread can be had
            self._go_blind(error)
            return False
        self._watched[path] = _Watched(identity=identity, watch=watch)
        return True

    def end_round(self) -> None:
        """Drop the watches of folders that were not kept since the last call."""
        for path in [path for path in self._watched if path not in self._wanted]:
            self._forget(path)
        if self._is_blind and self._wanted <= self._watched.keys():
            self._is_blind = False
            _log.info("%s: folders are watched again", self._label)
        self._wanted.clear()

    def stop(self) -> None:
        """End all watches."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(2.0)
        self._observer = None
        self._watched.clear()

    def _started(self) -> _Observer:
        if self._observer is None or not self._observer.is_alive():
            observer = _Observer()
            observer.start()
            self._observer = observer
            self._watched.clear()
        return self._observer

    def _is_alive(self, watched: _Watched) -> bool:
        if self._observer is None or not self._observer.is_alive():
            return False
        return any(
            emitter.watch == watched.watch and emitter.is_alive()
            for emitter in self._observer.emitters
        )

    def _forget(self, path: Path) -> None:
        watched = self._watched.pop(path)
        if self._observer is not None:
            try:
                self._observer.unschedule(watched.watch)
            except (KeyError, OSError) as error:
                _log.debug("%s: the watch of %s was gone: %r", self._label, path, error)

    def _go_blind(self, error: Exception) -> None:
        if not self._is_blind:
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            _log.warning("%s: not watched (%s); found by scanning alone", self._label, reason)
        self._is_blind = True


class _Handler(FileSystemEventHandler):
    """Turns events into hints; runs on the observer's thread."""

    def __init__(self, hint: Callable[[Hint], None]) -> None:
        self._hint = hint

    def dispatch(self, event: FileSystemEvent) -> None:
        is_move = isinstance(event, FileMovedEvent | DirMovedEvent)
        path = os.fsdecode(event.dest_path if is_move else event.src_path)
        if not path:
            return
        folder, name = os.path.split(path)
        if event.is_directory:
            self._hint(Hint(folder=Path(folder), name=""))
            return
        self._hint(Hint(folder=Path(folder), name=name))
