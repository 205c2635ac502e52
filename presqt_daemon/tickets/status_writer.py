"""The one writer of a ticket's status file: at once when a fact changes, else twice a second.

A fact is told when it is durable, and not before. So one that another soon follows may be told
later, together with it (`fact_soon`): that saves its syncs, and no reader ever sees a stage that a
power loss takes back.
"""

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from presqt_daemon.leases.fence import Fence
from presqt_daemon.system.files import sync_file
from presqt_daemon.tickets.parties import Party
from presqt_daemon.tickets.process_info import ProcessInfo, percentage
from presqt_daemon.tickets.store import TicketFolder, Uploads

NOTE_SECONDS = 0.5
"""Progress is written at most this often."""

SOON_SECONDS = 1.0
"""How long a fact may wait for the next one."""

_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The wall clock, for timestamps only."""
    return datetime.now(UTC)


class StatusWriter:
    """Holds a ticket's status in memory and projects it to its file; used by one thread.

    A fact is what a person may rely on once it is told: a stage, an end, a wait. A note is what may
    be lost with the power: progress, and what is being done.
    """

    def __init__(
        self,
        uploads: Uploads,
        folder: TicketFolder,
        info: ProcessInfo,
        party: Party,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.folder = folder
        self.info = info
        self.now = now
        self._uploads = uploads
        self._party = party
        self._clock = clock
        self._written_at = float("-inf")
        self._is_behind = False
        self._owed_since: float | None = None
        self.unsynced: Path | None = None
        """What the status of an open ticket rests on and is not durable yet."""

    @property
    def epoch(self) -> int:
        """The number of the party's lease, 0 without one."""
        return self._party.epoch or 0

    def assert_has_ticket(self) -> None:
        """Before any other file of the ticket is written.

        Raises OtherPartyError, FencedError, OSError.
        """
        self._uploads.may_act()
        self._uploads.parties.assert_has(self._party, self.folder.ticket)
        self._party.assert_leased()

    def keep_ticket(self) -> None:
        """Tell other hosts that the ticket's party lives, if it is time. Raises FencedError."""
        if self._party.lease is not None:
            self._party.lease.keep()

    def fence(self) -> Fence | None:
        """What the worker asks before it acts, None where no other host can have the ticket."""
        return None if self._party.lease is None else self._party.lease.fence()

    def fact(self, info: ProcessInfo) -> None:
        """Write a change that must not be lost. Raises OSError when it cannot be."""
        self.info = self._stamped(info)
        if self.unsynced is not None and info.is_open:
            # one that is gone is missed by whoever needs it
            with contextlib.suppress(FileNotFoundError):
                sync_file(self.unsynced)
        self._uploads.write_info(self.folder, self.info, self._party)
        self.unsynced = self._owed_since = None
        self._mark_written()

    def fact_soon(self, info: ProcessInfo) -> None:
        """The same within a second, or with the next fact; until then nothing is told."""
        self.info = info
        self._owed_since = self._clock()

    def make_room(self, error: OSError) -> bool:
        """Whether what failed with this error is worth another try, after the reserve has gone."""
        return self._uploads.make_room(error)

    def note(self, info: ProcessInfo) -> None:
        """Take in what may be lost, such as progress; it reaches the file soon."""
        self.info = info
        self._is_behind = True
        self.write_when_due()

    def write_when_due(self) -> None:
        """Write what was noted, if it is time; a failure to do so is not a failure of the work."""
        now = self._clock()
        try:
            if self._owed_since is not None:
                if now - self._owed_since >= SOON_SECONDS:
                    self._owed_since = now  # the next try, should this one fail
                    self.fact(self.info)
            elif self._is_behind and now - self._written_at >= NOTE_SECONDS:
                self.info = self._stamped(self.info)
                self._mark_written()
                self._uploads.write_info(self.folder, self.info, self._party, durable=False)
        except OSError as error:
            _log.debug("%s its status is not written: %s", self.folder.ticket, error.strerror)

    def _stamped(self, info: ProcessInfo) -> ProcessInfo:
        info = replace(info, updated_at=self.now(), epoch=self._party.epoch or info.epoch)
        share = percentage(info)
        return replace(info, job_percentage=share if share == 100 else min(share, 99))

    def _mark_written(self) -> None:
        self._is_behind = False
        self._written_at = self._clock()
