"""The arbiter: one queue of events, one loop. It joins the rooms and does no work of its own."""

import logging
import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from presqt_daemon.config import Config
from presqt_daemon.errors import ConfigError
from presqt_daemon.inbox import Inbox
from presqt_daemon.inbox.asked import Asked
from presqt_daemon.inbox.control import ControlFolder, UpgradeRequest
from presqt_daemon.inbox.events import Claimed, Request
from presqt_daemon.system.files import make_folder, printable_name, sync_folder
from presqt_daemon.system.sd_notify import Notifier
from presqt_daemon.tickets.lease import FolderLock
from presqt_daemon.tickets.store import Uploads
from presqt_daemon.tickets.survey import Survey, survey
from presqt_daemon.tickets.verdict import Verdict, worst
from presqt_daemon.upgrade.gate import Gate
from presqt_daemon.upgrade.job import Order
from presqt_daemon.upgrade.lane import Lane
from presqt_daemon.workers.agenda import Agenda
from presqt_daemon.workers.clerk import Reopened
from presqt_daemon.workers.contents import Contents
from presqt_daemon.workers.dispatch import Dispatch
from presqt_daemon.workers.events import Event, ended_by
from presqt_daemon.workers.expiry import Expiry
from presqt_daemon.workers.open_ticket import OpenTicket
from presqt_daemon.workers.permits import Permits
from presqt_daemon.workers.pool import Pool
from presqt_daemon.workers.recover import end_strays, find_open
from presqt_daemon.workers.run import Work
from presqt_daemon.workers.supervisor import Supervisor
from presqt_daemon.workers.tokens import Tokens

LONGEST_WAIT_SECONDS = 5.0
"""The loop turns at least this often, for the watchdog and the pool."""

GATE_SECONDS = 0.25
GATE_PATIENCE = 60.0
"""Seconds that systemd is told, again and again, of a start that makes records first."""

INTERRUPTED = 130
"""The exit code of `run --once` after ^C."""

STOP_SLACK_SECONDS = 5.0
"""Runs are ended at the end of the grace; so much later the daemon leaves without them."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _StopAsked:
    is_interrupt: bool = False


@dataclass(frozen=True, slots=True)
class _ReloadAsked:
    pass


_Event = Claimed | Request | UpgradeRequest | _StopAsked | _ReloadAsked | Event


def run_daemon(
    config: Config,
    *,
    once: bool = False,
    max_wait: float | None = None,
    load: Callable[[], Config] | None = None,
    verbosity: int = 0,
) -> int:
    """Serve until told to stop, or until all is done (`once`); the exit code.

    Raises HeldError when another instance has these folders, NewerInfoError when a later version
    has been here, GateError when past tickets cannot get their records, OSError when the folders
    cannot be made.
    """
    with ExitStack() as stack:
        for folder in (config.mediafiles, config.inbox):
            folder.mkdir(parents=True, exist_ok=True)
            stack.callback(FolderLock(folder).release)
        daemon = Daemon(config, once=once, max_wait=max_wait, load=load, verbosity=verbosity)
        return daemon.serve()


def make_folders(config: Config) -> None:
    """Make what the daemon needs in `mediafiles/`."""
    for folder in (config.uploads_folder, config.upgrade_folder):
        make_folder(folder)
    make_folder(config.control_folder, 0o700)
    sync_folder(config.mediafiles)


class Daemon:
    """The loop and what it joins; every method but `post` belongs to the loop's thread."""

    def __init__(
        self,
        config: Config,
        *,
        once: bool = False,
        max_wait: float | None = None,
        load: Callable[[], Config] | None = None,
        verbosity: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self._once = once
        self._max_wait = max_wait
        self._load = load
        self._clock = clock
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._notifier = Notifier(os.environ)
        journal = "JOURNAL_STREAM" in os.environ
        self._uploads = Uploads(config.mediafiles, config.permissions.status)
        self._pool = Pool(verbosity=verbosity, journal=journal)
        self._supervisor = Supervisor(
            config=config,
            uploads=self._uploads,
            pool=self._pool,
            permits=Permits(config),
            tokens=Tokens(config.targets, os.environ),
            contents=Contents(self._uploads),
        )
        self._dispatch = Dispatch(
            supervisor=self._supervisor,
            post=self.post,
            clock=clock,
            agenda=Agenda(small_bytes=config.staging.small),
        )
        self._asked = Asked(
            lambda ticket: ticket in self._dispatch.agenda.tickets,
            self._dispatch.cancel,
            self._dispatch.retry,
        )
        self._inbox = Inbox(config, self._uploads, self.post, patience=not once)
        self._control = ControlFolder(config.control_folder, self.post)
        self._expiry = Expiry(self._uploads, lambda: self.config)
        order = Order(mediafiles=config.mediafiles, mode=config.permissions.status)
        self._upgrade = Lane(order, self._pool.start_other)
        self._stopping_by: float | None = None
        self._is_interrupted = False

    def post(self, event: _Event) -> None:
        """Hand an event to the loop, from any thread."""
        self._events.put(event)

    def serve(self) -> int:
        """Recover, then turn until there is nothing more to do or a signal says stop."""
        self._listen_to_signals()
        deadline = None if self._max_wait is None else self._clock() + self._max_wait
        before = self._look_at_tickets()
        make_folders(self.config)
        self._uploads.keep_reserve()
        self._inbox.recover()
        found = self._open_gate(before, deadline)
        if found is None:
            self._dispatch.verdicts.append(Verdict.OPEN)
            return self._exit_code()
        self._take_up_open_tickets(found)
        self._inbox.start()
        self._control.start()
        self._upgrade.take_up()
        self._expiry.start()
        self._notifier.send(READY="1", STATUS=self._summary())
        _log.info("ready: drop zips into %s", self.config.inbox)
        try:
            while not self._is_done(deadline):
                self._turn()
            if self._once:
                self._tell_what_is_left()
        finally:
            self._close()
        return self._exit_code()

    def _turn(self) -> None:
        """Start what may run, then wait for the next event and everything that came with it."""
        now = self._clock()
        if self._stopping_by is None:
            self._dispatch.start_due(now)
        self._notifier.send(WATCHDOG="1", STATUS=self._summary())
        try:
            event = self._events.get(timeout=self._patience(now))
        except queue.Empty:
            return
        while True:
            self._handle(event)
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                return

    def _patience(self, now: float) -> float:
        moments = [LONGEST_WAIT_SECONDS]
        if self._notifier.watchdog_seconds is not None:
            moments.append(self._notifier.watchdog_seconds / 3)
        if (idle := self._pool.trim()) is not None:
            moments.append(idle + 0.01)
        if (moment := self._dispatch.next_moment(now)) is not None and self._stopping_by is None:
            moments.append(max(0.0, moment - now))
        if self._once or self._stopping_by is not None:
            moments.append(0.1)
        return min(moments)

    def _handle(self, event: _Event) -> None:
        match event:
            case Claimed():
                ticket = OpenTicket(ticket=event.ticket, work=Work.STAGE, zip_bytes=event.size)
                self._dispatch.open(ticket, event.error)
            case Request():
                self._asked.take(event)
            case UpgradeRequest():
                self._upgrade.ask(force=event.force)
            case _StopAsked():
                self._is_interrupted |= event.is_interrupt
                self._stop()
            case _ReloadAsked():
                self._reload()
            case _:
                self._dispatch.handle(event)
                if isinstance(event, Reopened):
                    self._asked.reopened(event.ticket)
                elif (ticket_ended := ended_by(event)) is not None:
                    self._asked.ended(ticket_ended)

    def _look_at_tickets(self) -> Survey:
        """What is there, before anything is changed. Raises NewerInfoError."""
        try:
            found = survey(self._uploads)
        except FileNotFoundError:
            return Survey()
        self._upgrade.check()
        self._supervisor.contents.load(found.contents)
        return found

    def _open_gate(self, found: Survey, deadline: float | None) -> Survey | None:
        """The tickets once all have their records; None when the start must go no further.

        What is asked meanwhile is done afterwards. Raises GateError.
        """
        held: list[_Event] = []

        def wait(what: str) -> bool:
            self._notifier.send(STATUS=what, EXTEND_TIMEOUT_USEC=str(int(GATE_PATIENCE * 1e6)))
            try:
                event = self._events.get(timeout=GATE_SECONDS)
            except queue.Empty:
                return deadline is None or self._clock() < deadline
            held.append(event)
            if isinstance(event, _StopAsked):
                self._is_interrupted |= event.is_interrupt
                return False
            return True

        gate = Gate(lane=self._upgrade, look=self._look_at_tickets, wait=wait, clock=self._clock)
        opened = None
        try:
            opened = gate.open(found)
        finally:
            if opened is None:
                self._upgrade.stop()
                self._dispatch.close()
                self._pool.close()
        for event in held:
            self.post(event)
        return opened

    def _take_up_open_tickets(self, survey: Survey) -> None:
        names = survey.open | (set(self._uploads.tickets()) - survey.tickets)
        found = list(find_open(self._uploads, names))
        strays = end_strays([item.ticket for item in found])
        if strays:
            _log.warning("ended %d programs that an earlier run left behind", strays)
        for item in found:
            self._dispatch.open(item.ticket, item.fault)
        if found:
            _log.info("%d tickets go on from where they were", len(found))

    def _is_done(self, deadline: float | None) -> bool:
        running = self._dispatch.agenda.running()
        if self._stopping_by is not None:
            return not running or self._clock() > self._stopping_by + STOP_SLACK_SECONDS
        if not self._once:
            return False
        if deadline is not None and self._clock() >= deadline and not running:
            return True
        # the inbox posts before it calls itself idle, so its events are looked for afterwards
        return self._dispatch.is_idle() and self._inbox.is_idle() and self._events.empty()

    def _tell_what_is_left(self) -> None:
        """Say of each drop that is not taken why; with one, not all has come to its end."""
        for item in self._inbox.untaken():
            shown = printable_name(str(item.folder / item.name))
            _log.warning("left in the inbox: %s: %s", shown, item.why)
            self._dispatch.verdicts.append(Verdict.OPEN)

    def _exit_code(self) -> int:
        """The worst ticket where all were to be brought to their end, open ones included."""
        if not self._once:
            return 0
        if self._is_interrupted:
            return INTERRUPTED
        if not self._dispatch.is_idle() or self._has_late_claim():
            self._dispatch.verdicts.append(Verdict.OPEN)
        return int(worst(self._dispatch.verdicts))

    def _has_late_claim(self) -> bool:
        """Whether a drop has become a ticket that the loop did not see any more."""
        try:
            while not isinstance(self._events.get_nowait(), Claimed):
                pass
        except queue.Empty:
            return False
        return True

    def _listen_to_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        signal.signal(signal.SIGTERM, lambda *_: self.post(_StopAsked()))
        signal.signal(signal.SIGINT, lambda *_: self.post(_StopAsked(is_interrupt=True)))
        signal.signal(signal.SIGHUP, lambda *_: self.post(_ReloadAsked()))

    def _stop(self) -> None:
        if self._stopping_by is not None:
            grace = 0.0
        else:
            grace = self.config.stop_grace
            _log.info("stopping; what runs has %.0f s to finish", grace)
        self._notifier.send(STOPPING="1")
        self._stopping_by = self._clock() + grace
        self._dispatch.stop_by(self._stopping_by)

    def _reload(self) -> None:
        if self._load is None:
            return
        try:
            config = self._load()
        except ConfigError as error:
            for problem in error.problems:
                _log.error("the new configuration is not used: %s", problem)
            return
        if (config.inbox, config.mediafiles) != (self.config.inbox, self.config.mediafiles):
            _log.error("the new configuration is not used: other folders need a restart")
            return
        self.config = self._supervisor.config = self._supervisor.permits.config = config
        self._supervisor.tokens.reload(config.targets, os.environ)
        self._dispatch.agenda.small_bytes = config.staging.small
        self._dispatch.resume_targets()
        self._inbox.reload(config)
        _log.info("the configuration was read again")

    def _summary(self) -> str:
        agenda = self._dispatch.agenda
        return f"{len(agenda.tickets)} tickets open, {len(agenda.running())} at work"

    def _close(self) -> None:
        self._upgrade.stop()
        self._control.stop()
        self._expiry.stop()
        self._inbox.stop()
        self._dispatch.close()
        self._pool.close()
        _log.info("stopped")
