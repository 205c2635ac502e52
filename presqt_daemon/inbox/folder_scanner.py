"""One folder of the inbox and those in it, scanned by a thread of their own.

A folder that hangs holds up its own scanner only. Events wake it and name files to look at; the
scan of everything follows each wake-up, but takes at most a tenth of the time, and comes at the
latest after `intake.rescan`.
"""

import threading
from pathlib import Path

from presqt_daemon.inbox.answers.events import Waiting
from presqt_daemon.inbox.candidates import Candidates
from presqt_daemon.inbox.files.names import NameKind, kind_of
from presqt_daemon.inbox.files.places import InboxFolder, OpenPlace, make_target_folder, open_place
from presqt_daemon.inbox.folder_context import FolderContext
from presqt_daemon.inbox.leftovers import FolderLeftovers
from presqt_daemon.inbox.scan import Hints, Scan
from presqt_daemon.inbox.scan_context import ScanContext
from presqt_daemon.inbox.watcher import FolderWatch, Hint
from presqt_daemon.system.logs import shared_log
from presqt_daemon.system.shortage import start_thread

_SHARE = 10
_MAX_HINTS = 50_000


class FolderScanner:
    """A target's folder, or the inbox itself (`target` None) with folders of no target."""

    def __init__(self, context: ScanContext, target: str | None) -> None:
        self._context = context
        self._base = InboxFolder(parts=() if target is None else (target,))
        own = FolderContext(context, self.wake)
        self._notices, self._copies, self._copier = own.notices, own.copies, own.copier
        self._candidates = Candidates(own)
        self._watch = FolderWatch(self._base, self._hint, context.watches)
        self.leftovers = FolderLeftovers(own)
        self._scan = Scan(own, self._candidates, self.leftovers, self._hinted_in)
        self._lock = threading.Lock()
        self._hints: Hints = {}
        self._hint_count = 0
        self._must_scan = True
        self._scan_from = float("-inf")
        self._scan_by = float("-inf")
        self._scanned = 0
        self._is_busy = False
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._inbox = _disk_of(context.config.inbox)
        self._name = f"inbox:{target or ''}"
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to scan, and to copy; again where no thread could be had."""
        if self._thread is None and not self._stopped.is_set():
            self._thread = start_thread(self._live, self._name)
        self._copier.start_missing_threads()

    def halt(self) -> None:
        """Begin nothing more; `join` waits for it."""
        self._stopped.set()
        self._scan.halt()
        self._wake.set()

    def join(self, timeout: float) -> None:
        """Wait until the scanner has ended, or the time is over, as when its folder hangs."""
        if self._thread is not None:
            self._thread.join(timeout)
        self._copier.stop(timeout)

    def wake(self) -> None:
        """Scan now."""
        with self._lock:
            self._must_scan = True
            self._scan_from = float("-inf")
        self._wake.set()

    def status_changed(self, ticket: str) -> None:
        """A ticket, of this scanner or another, has ended or goes again; called by any thread."""
        self._copies.changed(ticket)
        self._wake.set()

    def without_room(self) -> int:
        """How many drops wait here for room on the disk."""
        return self._copier.without_room()

    def untaken(self) -> tuple[Waiting, ...]:
        """What waits here; also a folder that has not been scanned yet as a whole."""
        found: list[tuple[InboxFolder, str, str, bool]] = [
            (taken.place, taken.record.inbox_name, "it is being copied", False)
            for taken in self._copier.copies()
        ]
        for place, waiting in list(self._candidates.candidates.items()):
            found += [(place, name, one.why, one.is_stuck) for name, one in list(waiting.items())]
        found += [(place, "", why, True) for place, why in list(self._scan.closed.items())]
        if all(is_stuck for *_, is_stuck in found) and (
            self._is_busy or not self._scanned or self._has_work()
        ):
            found.append((self._base, "", "it is being scanned", False))
        inbox = self._context.config.inbox
        return tuple(
            Waiting(folder=inbox.joinpath(*place.parts), name=name, why=why, is_stuck=is_stuck)
            for place, name, why, is_stuck in found
        )

    def _has_work(self) -> bool:
        return (
            self._must_scan
            or bool(self._hints)
            or self._scan.again_in is not None
            or self._copies.has_news()
        )

    def _hint(self, hint: Hint) -> None:
        """Called by the watch's thread."""
        if hint.name:
            kind = kind_of(hint.name, self._context.config.intake.ignore)
            if kind not in {NameKind.DROP, NameKind.REQUEST}:
                return
        with self._lock:
            if hint.name and self._hint_count < _MAX_HINTS:
                names = self._hints.setdefault(hint.folder, {})
                self._hint_count += hint.name not in names
                names[hint.name] = None
            self._must_scan = True
        self._wake.set()

    def _live(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            self._is_busy = True
            try:
                self._turn()
            except Exception:
                log = shared_log("scan", self._base.known_target)
                log.exception("%s: the scan failed", self._base.shown)
                self._stopped.wait(self._context.config.intake.rescan)
            self._is_busy = False
            self._wake.wait(max(0.0, self._next() - self._context.clock()))
        self._watch.stop()

    def _next(self) -> float:
        scan = min(self._scan_by, self._scan_from if self._must_scan else float("inf"))
        return min(scan, self._candidates.next_due(), self._copies.next_due())

    def _turn(self) -> None:
        self._context.claimer.uploads.may_act()
        now = self._context.clock()
        with self._lock:
            hints, self._hints, self._hint_count = self._hints, {}, 0
            is_full = now >= self._scan_by or (self._must_scan and now >= self._scan_from)
            if is_full:
                self._must_scan = False
        self._scan.visit_hinted(hints, now)
        self._copies.turn(self._base)
        if is_full:
            self._look_everywhere()
        elif self._scan.again_in is not None:
            self._scan_by = min(self._scan_by, now + self._scan.again_in)

    def _hinted_in(self, folder: Path) -> dict[str, None]:
        """What events have named in a folder since the turn began, so that it need not wait."""
        if folder not in self._hints:
            return {}
        with self._lock:
            names = self._hints.pop(folder, {})
            self._hint_count -= len(names)
        return names

    def _look_everywhere(self) -> None:
        began = self._context.clock()
        config = self._context.config
        self._scan.begin_round()
        try:
            with open_place(config.inbox, self._base) as folder:
                self._found(folder)
                inner = self._scan.visit(folder)
            for place in inner:
                try:
                    with open_place(config.inbox, place) as folder:
                        self._found(folder)
                        self._scan.visit(folder)
                except OSError as error:
                    self._closed(place, error.strerror or "")
                if self._stopped.is_set():
                    return
        except OSError as error:
            self._missing(error)
        else:
            self._notices.clear(self._base, f"{self._base.shown} can be read again")
            self._scan.end_round({self._base, *inner})
        if config.intake.observer != "off":
            self._watch.end_round()
        ended = self._context.clock()
        self._scanned += 1
        self._scan_from = ended + _SHARE * (ended - began)
        self._scan_by = ended + config.intake.rescan
        if self._scan.again_in is not None:
            self._scan_by = min(self._scan_by, ended + self._scan.again_in)

    def _found(self, folder: OpenPlace) -> None:
        if self._context.config.intake.observer != "off":
            self._watch.keep(folder.path, folder.identity, is_local=folder.sees_writers)

    def _missing(self, error: OSError) -> None:
        if isinstance(error, FileNotFoundError) and self._base.parts:
            try:
                if not self._is_inbox_there():
                    raise error
                self._context.claimer.uploads.may_act()
                make_target_folder(self._context.config.inbox, self._base.parts[0])
            except OSError as failure:
                error = failure
            else:
                log = shared_log("made again", self._base.known_target)
                log.info("%s was missing and is made again", self._base.shown)
                self._wake.set()
                return
        reason = "it is a link" if isinstance(error, NotADirectoryError) else error.strerror
        self._closed(self._base, f"{reason}; trying again")

    def _is_inbox_there(self) -> bool:
        """Whether the inbox is on the disk where it was: below a lost mount nothing is made."""
        return self._inbox in {None, _disk_of(self._context.config.inbox)}

    def _closed(self, place: InboxFolder, reason: str) -> None:
        self._scan.closed[place] = f"it cannot be read: {reason}"
        self._notices.warn(place, f"{place.shown} cannot be read: {reason}", "folder")


def _disk_of(folder: Path) -> int | None:
    """The device of a folder, None where it cannot be looked at."""
    try:
        return folder.stat().st_dev
    except OSError:
        return None
