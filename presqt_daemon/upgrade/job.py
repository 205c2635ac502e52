"""The job: one pass over all past tickets, which may be cut short anywhere and begun again."""

import contextlib
import logging
import os
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from presqt_daemon import __version__
from presqt_daemon.system.logs import ticket_log
from presqt_daemon.tickets.holder import utc_now
from presqt_daemon.tickets.lease import HeldError
from presqt_daemon.tickets.process_info import InfoError
from presqt_daemon.tickets.store import TicketFolder, Uploads
from presqt_daemon.upgrade.failures import Failures
from presqt_daemon.upgrade.prepare import Made, Maker, Prepared, prepare
from presqt_daemon.upgrade.state import MAX_FAILED, JobState, StateFile, ended, started

NOTE_SECONDS = 0.5
"""Progress is written at most this often."""

GROUP = 32
"""Records made durable together: one turn of the disk for all, and few turns for others to meet."""

REST = 4.0
"""How many times as long as a group took a yielding run leaves the machine to others."""

MAX_REST_SECONDS = 5.0
BUSY_SECONDS = 10.0
"""How long a ticket that another has is waited for, once it is the last."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


class _End(StrEnum):
    GONE = "gone"
    FAILED = "failed"
    BUSY = "busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run works on. `given_up`: ticket -> why it is not even looked at.

    `yields`: others are at work on this machine, whose writes must not wait for the run's.
    `before_inbox`: a start waits for the run's end.
    """

    mediafiles: Path
    mode: int
    yields: bool = False
    before_inbox: bool = False
    given_up: Mapping[str, str] = field(default_factory=dict)

    @property
    def state_file(self) -> StateFile:
        """Where the run tells how far it is."""
        return StateFile(self.mediafiles / "prepare_upgrade", self.mode)

    @property
    def failures(self) -> Failures:
        """Where a run leaves the tickets for which no record can be made."""
        return Failures(self.state_file.folder, self.mode)


@dataclass(slots=True)
class Job:
    """One process's go at a run. `begin` hears each ticket's number before it is looked at."""

    order: Order
    state: JobState
    begin: Callable[[str], None] = lambda _ticket: None
    show: Callable[[JobState], None] = lambda _state: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = utc_now
    group_size: int = GROUP
    _group: list[tuple[str, Prepared]] = field(default_factory=list)
    _failed: list[tuple[str, str]] = field(default_factory=list)
    _looked: int = 0
    _rested_at: float = 0.0
    _noted_at: float = float("-inf")

    def run(self) -> JobState:
        """The state at the run's end, written durably.

        What an earlier go has done is found done, and counted as this run's. Raises OSError when
        tickets cannot be listed or the state cannot be told.
        """
        names = self._tickets()
        self.state = started(
            self.state, self.now(), len(names), before_inbox=self.order.before_inbox
        )
        self._note(durable=True)
        self._rested_at = self.clock()
        with contextlib.ExitStack() as stack:
            stack.callback(self._drop_group)
            hands = stack.enter_context(ThreadPoolExecutor(self.group_size))
            put_off = [name for name in names if not self._take(name, hands)]
            self._keep_group(hands)
            for name in put_off:
                self._take(name, hands, is_last=True)
            self._keep_group(hands)
        self.order.failures.keep(self.state.run, self._failed)
        self.state = ended(self.state, self.now())
        self._note(durable=True)
        self.order.state_file.drop_tickets()
        _log.info(
            "prepare-upgrade: %d tickets, %d had their record, %d got one, %d could not",
            self.state.total, self.state.already_had, self.state.added, self.state.failed_total,
        )  # fmt: skip
        return self.state

    def _tickets(self) -> list[str]:
        """The run's tickets: those that an earlier go wrote down, else all there are now."""
        names = self.order.state_file.kept_tickets(self.state.run)
        if names is None or self.state.started_at is None:
            names = sorted(Uploads(self.order.mediafiles).tickets())
            self.order.state_file.keep_tickets(self.state.run, names)
        return names

    def _take(self, name: str, hands: Executor, *, is_last: bool = False) -> bool:
        """Look at a ticket; False for one that is put off because somebody else has it."""
        if name in self.order.given_up:
            self._count(name, _End.FAILED, self.order.given_up[name])
            return True
        self.begin(name)
        maker = Maker(run=self.state.run, agent_version=__version__, mode=self.order.mode)
        wait = BUSY_SECONDS if is_last else 0.0
        folder = self._folder(name)
        end, reason = self._tried(
            name, lambda: prepare(folder, maker, self.now(), wait_seconds=wait)
        )
        if isinstance(end, Prepared):
            self._group.append((name, end))
            if len(self._group) >= self.group_size:
                self._keep_group(hands)
        elif end in {Made.OPEN, _End.BUSY} and not is_last:
            return False
        else:
            self._count(name, end, reason)
        return True

    def _keep_group(self, hands: Executor) -> None:
        """Put the records of a group in their places, durable as far as their content goes.

        A name that a power loss takes back is found missing, and made again.
        """
        group, self._group = self._group, []
        synced = [hands.submit(prepared.sync) for _name, prepared in group]
        for (name, prepared), sync in zip(group, synced, strict=True):
            end, reason = self._tried(name, lambda sync=sync: sync.result())  # type: ignore[misc]
            if end is None:
                end, reason = self._tried(name, prepared.keep)
            else:
                prepared.drop()
            self._count(name, Made.ADDED if end is None else end, reason)
        if group and self.order.yields:
            self.sleep(min(REST * (self.clock() - self._rested_at), MAX_REST_SECONDS))
        self._rested_at = self.clock()

    def _drop_group(self) -> None:
        for _name, prepared in self._group:
            prepared.drop()

    def _folder(self, name: str) -> TicketFolder:
        return TicketFolder(Uploads(self.order.mediafiles).root / name)

    def _tried(self, name: str, step: Callable[[], T]) -> tuple[T | _End, str]:
        """What a step gives, or how it failed and why. Whatever a ticket holds, the job goes on."""
        try:
            return step(), ""
        except HeldError:
            return _End.BUSY, "another has the ticket"
        except InfoError as error:
            reason = str(error)
        except OSError as error:
            reason = (
                f"{_name_of(error, self._folder(name))}: {error.strerror or type(error).__name__}"
            )
        except Exception as error:  # noqa: BLE001  (one ticket's bug must not stop the others)
            reason = f"internal error ({type(error).__name__})"
            # the error's own words could repeat what a file holds, such as a token
            place = traceback.extract_tb(error.__traceback__)[-1]
            ticket_log(name).error("%s at %s:%s", reason, place.filename, place.lineno)
        if not self._folder(name).path.is_dir():
            return _End.GONE, ""
        return _End.FAILED, reason

    def _count(self, name: str, end: Made | _End, reason: str) -> None:
        state = self.state
        match end:
            case Made.ADDED:
                state = replace(state, added=state.added + 1)
            case Made.HAD:
                state = replace(state, already_had=state.already_had + 1)
            case Made.OPEN:
                state = replace(state, left_open=state.left_open + 1)
            case _End.GONE:
                self.state = replace(state, gone=state.gone + 1)
                return
            case _:
                ticket_log(name).warning("gets no record: %s", reason)
                self._failed.append((name, reason))
                state = replace(
                    state,
                    failed=tuple(self._failed[:MAX_FAILED]),
                    failed_total=len(self._failed),
                )
        self._looked += 1
        # a run that goes on after a restart looks at some tickets again; nobody sees it go back
        self.state = replace(state, progress=max(state.progress, self._looked))
        self._note()

    def _note(self, *, durable: bool = False) -> None:
        """Tell how far the job is, at once or when it is time."""
        moment = self.clock()
        if not durable and moment - self._noted_at < NOTE_SECONDS:
            return
        self._noted_at = moment
        self.state = replace(self.state, updated_at=self.now())
        self.order.state_file.write(self.state, durable=durable)
        self.show(self.state)


def _name_of(error: OSError, folder: TicketFolder) -> str:
    """The file that an error is about, relative to its ticket."""
    if not isinstance(error.filename, str | bytes | os.PathLike):
        return "its files"
    path = os.fsdecode(error.filename)
    return os.path.relpath(path, folder.path) if os.path.isabs(path) else path
