"""The inbox as the daemon sees it: scanners that turn drops into tickets and tell of each."""

import contextlib
import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace

from presqt_daemon.config import Config
from presqt_daemon.inbox.answers.events import Event, Waiting
from presqt_daemon.inbox.claims.claim import Claimer
from presqt_daemon.inbox.claims.recover import Leftover, recover
from presqt_daemon.inbox.files.places import make_target_folder, parts_below
from presqt_daemon.inbox.folder_scanner import FolderScanner
from presqt_daemon.inbox.scan_context import ScanContext, no_spare
from presqt_daemon.tickets.status_writer import utc_now
from presqt_daemon.tickets.store import Uploads

_log = logging.getLogger(__name__)


class Inbox:
    """A scanner for the inbox itself and one for each target's folder.

    `emit` is called from several threads and must only hand on. The caller holds the locks on
    both folders from before `recover` until after `stop`.
    """

    def __init__(
        self,
        config: Config,
        uploads: Uploads,
        emit: Callable[[Event], None],
        *,
        patience: bool = True,
        clock: Callable[[], float] = time.monotonic,
        spare: Callable[[str, int], int] = no_spare,
    ) -> None:
        self._context = ScanContext(
            config=config,
            claimer=Claimer(uploads, utc_now),
            emit=emit,
            clock=clock,
            patience=patience,
            spare=spare,
        )
        self._scanners: dict[str | None, FolderScanner] = {}
        self._leftovers: list[Leftover] | None = None

    def recover(self) -> None:
        """Finish or undo, in `uploads/`, the claims that the last daemon left half made.

        Tells of nothing: list the tickets afterwards. Raises OSError.
        """
        self._leftovers = recover(self._context.claimer.uploads, self._context.config)

    def start(self) -> None:
        """Make the folders that are missing and begin to take drops. Raises OSError."""
        if self._leftovers is None:
            self.recover()
        config = self._context.config
        os.makedirs(config.inbox, exist_ok=True)
        for target in (None, *config.targets):
            self._scanners[target] = self._new_scanner(target)
        for leftover in self._leftovers or ():
            inbox_folder = leftover.record.inbox_folder
            self._scanner_of(inbox_folder).leftovers.left[inbox_folder].append(leftover)
        self.start_missing_threads()

    def start_missing_threads(self) -> None:
        """Get the threads that could not be had."""
        for scanner in self._scanners.values():
            scanner.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Take nothing more; copies are given up and made again after the next start.

        A scanner that hangs in its folder is left behind when the time is over.
        """
        scanners = list(self._scanners.values())
        for scanner in scanners:
            scanner.halt()
        until = time.monotonic() + timeout
        for scanner in scanners:
            scanner.join(max(0.0, until - time.monotonic()))
        self._scanners.clear()

    def reload(self, config: Config) -> None:
        """Go on with another configuration; the inbox and mediafiles stay what they are."""
        self._context.config = replace(
            config, inbox=self._context.config.inbox, mediafiles=self._context.config.mediafiles
        )
        for target in [name for name in self._scanners if name and name not in config.targets]:
            scanner = self._scanners.pop(target)
            scanner.halt()
            scanner.join(1.0)
        for target in config.targets:
            if target not in self._scanners:
                self._scanners[target] = self._new_scanner(target)
                self._scanners[target].start()
        self.wake()

    def wake(self) -> None:
        """Scan now."""
        for scanner in self._scanners.values():
            scanner.wake()

    def status_changed(self, ticket: str) -> None:
        """A ticket has ended or goes again: the sender gets a copy of its status."""
        for scanner in list(self._scanners.values()):
            scanner.status_changed(ticket)

    def untaken(self) -> tuple[Waiting, ...]:
        """What is not taken yet, whatever it waits for."""
        return tuple(
            item for scanner in list(self._scanners.values()) for item in scanner.untaken()
        )

    def without_room(self) -> int:
        """How many drops wait in the inbox since there is no room for a copy of them."""
        return sum(scanner.without_room() for scanner in list(self._scanners.values()))

    def pending(self) -> tuple[Waiting, ...]:
        """What is not taken yet, but will be without anybody's help."""
        return tuple(item for item in self.untaken() if not item.is_stuck)

    def is_idle(self) -> bool:
        """Whether all folders have been scanned and nothing waits."""
        return not self.pending()

    def is_being_claimed(self, ticket: str) -> bool:
        """Whether a claim is being made and will be told of at once."""
        return ticket in self._context.claimer.coming

    def _new_scanner(self, target: str | None) -> FolderScanner:
        if target is not None:
            with contextlib.suppress(OSError):  # the scanner says what is wrong
                make_target_folder(self._context.config.inbox, target)
        return FolderScanner(self._context, target)

    def _scanner_of(self, folder: str) -> FolderScanner:
        parts = parts_below(self._context.config.inbox, folder)
        return self._scanners.get(parts[0] if parts else None, self._scanners[None])
