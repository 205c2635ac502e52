"""The one writer of a ticket's status file: at once when a fact changes, else twice a second."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from presqt_daemon.tickets.process_info import ProcessInfo, percentage
from presqt_daemon.tickets.store import TicketFolder, Uploads

NOTE_SECONDS = 0.5
"""Progress is written at most this often."""

_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The wall clock, for timestamps only."""
    return datetime.now(UTC)


class StatusWriter:
    """Holds a ticket's status in memory and projects it to its file; used by one thread."""

    def __init__(
        self,
        uploads: Uploads,
        folder: TicketFolder,
        info: ProcessInfo,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.folder = folder
        self.info = info
        self.now = now
        self._uploads = uploads
        self._clock = clock
        self._written_at = float("-inf")
        self._is_behind = False

    def fact(self, info: ProcessInfo) -> None:
        """Write a change that must not be lost. Raises OSError when it cannot be."""
        self.info = self._stamped(info)
        self._uploads.write_info(self.folder, self.info)
        self._mark_written()

    def make_room(self, error: OSError) -> bool:
        """Whether what failed with this error is worth another try, after the reserve has gone."""
        return self._uploads.make_room(error)

    def note(self, info: ProcessInfo) -> None:
        """Take in what may be lost, such as progress; it reaches the file soon."""
        self.info = info
        self._is_behind = True
        self.keep_up()

    def keep_up(self) -> None:
        """Write what was noted, if it is time; a failure to do so is not a failure of the work."""
        if not self._is_behind or self._clock() - self._written_at < NOTE_SECONDS:
            return
        self.info = self._stamped(self.info)
        try:
            self._uploads.write_info(self.folder, self.info, durable=False)
        except OSError as error:
            _log.debug("%s progress could not be written: %s", self.folder.ticket, error.strerror)
        self._mark_written()

    def _stamped(self, info: ProcessInfo) -> ProcessInfo:
        info = replace(info, updated_at=self.now())
        share = percentage(info)
        return replace(info, job_percentage=share if share == 100 else min(share, 99))

    def _mark_written(self) -> None:
        self._is_behind = False
        self._written_at = self._clock()
