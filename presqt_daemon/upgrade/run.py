"""One pass over all past tickets, which may be cut short anywhere and begun again."""

import contextlib
import logging
import os
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from presqt_daemon.system.logs import ticket_log
from presqt_daemon.tickets.locks import HeldError
from presqt_daemon.tickets.process_info import InfoError
from presqt_daemon.tickets.status_writer import utc_now
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.upgrade.make_record import Maker, PastRecord, RecordOutcome, make_record
from presqt_daemon.upgrade.order import UpgradeOrder
from presqt_daemon.upgrade.state import JobState, broken_off, count, ended, started

NOTE_SECONDS = 0.5
"""Progress is written at most this often."""

SYNCING = 16
"""Records that are made durable while the next is made: disks do many at the price of a few."""

SLICE_SECONDS = 0.05
REST_SHARE = 4.0
"""A yielding run rests after each slice of processor time, so many times as long."""

MAX_REST_SECONDS = 5.0
BUSY_SECONDS = 10.0
"""How long a ticket that another has is waited for, once it is the last."""

DIED = "the process that looked at it died"
T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class UpgradeRun:
    """One process's go at a run. `begin` hears each ticket's number before it is looked at."""

    order: UpgradeOrder
    state: JobState
    begin: Callable[[str], None] = lambda _ticket: None
    show: Callable[[JobState], None] = lambda _state: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = utc_now
    _failures: list[tuple[str, str]] = field(default_factory=list)
    _syncing: deque[tuple[str, Future[None]]] = field(default_factory=deque)
    _rested_at: float = field(default_factory=time.process_time)
    _noted_at: float = float("-inf")

    def go(self) -> JobState:
        """The state at the run's end, written durably.

        What an earlier go has done is found done, and counted as this run's. Raises OSError when
        tickets cannot be listed or the state cannot be told.
        """
        file = self.order.state_file
        names = file.kept_tickets(self.state.run) if self.state.started_at is not None else None
        if names is None:
            names = sorted(Uploads(self.order.mediafiles).tickets())
            file.keep_tickets(self.state.run, names)
        self.state = started(
            self.state, self.now(), len(names), before_inbox=self.order.before_inbox
        )
        self._note(durable=True)
        with ThreadPoolExecutor(SYNCING) as hands:
            # those that are open or busy may have ended by the time that all others are done
            put_off = [name for name in names if not self._take(name, hands, is_last=False)]
            for name in put_off:
                self._take(name, hands, is_last=True)
            self._count_synced(but=0)
        # before the state says that the run is complete: nobody looks for them then
        file.keep_failures(self.state.run, self._failures)
        self.state = ended(self.state, self.now())
        self._note(durable=True)
        file.drop_tickets()
        _log.info(
            "prepare-upgrade: %d tickets, %d had their record, %d got one, %d could not",
            self.state.total, self.state.already_had, self.state.added, self.state.failed_total,
        )  # fmt: skip
        return self.state

    def _take(self, name: str, hands: Executor, *, is_last: bool) -> bool:
        """Look at a ticket and have it counted; False for one that is put off to the end."""
        if name in self.order.given_up:
            self._count(name, RecordOutcome.FAILED, DIED)
            return True
        self.begin(name)
        folder = self._folder(name)
        maker = Maker(run=self.state.run, mode=self.order.mode, now=self.now())
        wait = BUSY_SECONDS if is_last else 0.0
        try:
            made, reason = self._tried(name, lambda: make_record(folder, maker, wait_seconds=wait))
        except HeldError:
            if not is_last:
                return False
            made, reason = RecordOutcome.FAILED, "another has the ticket"
        if isinstance(made, PastRecord):
            self._syncing.append((name, hands.submit(made.keep)))
            self._count_synced(but=SYNCING)
        elif made is RecordOutcome.OPEN and not is_last:
            return False
        else:
            self._count(name, made, reason)
        if self.order.yields:
            self._rest()
        return True

    def _count_synced(self, *, but: int) -> None:
        """Wait for the records that are being made durable, all but so many, and count them."""
        while len(self._syncing) > but:
            name, syncing = self._syncing.popleft()
            failed, reason = self._tried(name, syncing.result)
            self._count(name, failed or RecordOutcome.ADDED, reason)

    def _rest(self) -> None:
        """Leave the machine to others; by processor time, since a busy one takes turns anyway."""
        spent = time.process_time() - self._rested_at
        if spent >= SLICE_SECONDS:
            self.sleep(min(REST_SHARE * spent, MAX_REST_SECONDS))
            self._rested_at = time.process_time()

    def _folder(self, name: str) -> TicketFolder:
        return TicketFolder(Uploads(self.order.mediafiles).root / name)

    def _tried(self, name: str, step: Callable[[], T]) -> tuple[T | RecordOutcome, str]:
        """What a step gives, or how it failed and why. Whatever a ticket holds, the run goes on.

        Raises HeldError while another has it.
        """
        try:
            return step(), ""
        except HeldError:
            raise
        except InfoError as error:
            reason = str(error)
        except OSError as error:
            named = _name_of(error, self._folder(name))
            reason = f"{named}: {error.strerror or type(error).__name__}"
        except Exception as error:  # noqa: BLE001  (one ticket's bug must not stop the others)
            reason = f"internal error ({type(error).__name__})"
            # the error's own words could repeat what a file holds, such as a token
            place = traceback.extract_tb(error.__traceback__)[-1]
            ticket_log(name).error("%s at %s:%s", reason, place.filename, place.lineno)
        if not self._folder(name).path.is_dir():
            return RecordOutcome.GONE, ""
        return RecordOutcome.FAILED, reason

    def _count(self, name: str, outcome: RecordOutcome, reason: str) -> None:
        if outcome is RecordOutcome.FAILED:
            ticket_log(name).warning("gets no record: %s", reason)
            self._failures.append((name, reason))
        self.state = count(self.state, outcome, self._failures)
        self._note()

    def _note(self, *, durable: bool = False) -> None:
        """Tell how far the run is, at once or when it is time."""
        moment = self.clock()
        if durable or moment - self._noted_at >= NOTE_SECONDS:
            self._noted_at = moment
            self.state = replace(self.state, updated_at=self.now())
            self.order.state_file.write(self.state, durable=durable)
            self.show(self.state)


def run_upgrade(order: UpgradeOrder, begin: Callable[[str], None]) -> None:
    """Work on the run that is queued, from where it is to its end; that is told in its state."""
    state = order.state_file.read()
    if state is None or not state.is_open:
        return
    try:
        UpgradeRun(order, state, begin=begin).go()
    except OSError as error:
        reason = f"The job cannot go on ({error.strerror}); mend that, then ask again."
        _log.error("prepare-upgrade: %s", reason)
        with contextlib.suppress(OSError):
            order.state_file.write(broken_off(state, utc_now(), reason), durable=True)


def _name_of(error: OSError, folder: TicketFolder) -> str:
    """The file that an error is about, relative to its ticket."""
    if not isinstance(error.filename, str | bytes | os.PathLike):
        return "its files"
    path = os.fsdecode(error.filename)
    return os.path.relpath(path, folder.path) if os.path.isabs(path) else path
