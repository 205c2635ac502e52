"""The arbiter: one queue of events, one loop. It joins the rooms and does no work of its own."""

import logging
import os
import queue
from collections.abc import Callable

from presqt_daemon.config import Config
from presqt_daemon.daemon.awake_clock import AwakeClock
from presqt_daemon.daemon.condition_file import ConditionFile
from presqt_daemon.daemon.events import Event, ReloadAsked, StopAsked, listen_to_signals
from presqt_daemon.daemon.gate import GateError, open_gate
from presqt_daemon.daemon.once import INTERRUPTED, exit_code, tell_what_is_left
from presqt_daemon.daemon.start import (
    begin_start,
    find_all_tickets,
    make_mediafiles_folders,
    resume_open_tickets,
)
from presqt_daemon.daemon.summary import ready_line
from presqt_daemon.daemon.wiring import Rooms, join_rooms
from presqt_daemon.errors import ConfigError
from presqt_daemon.inbox.answers.events import Claimed, Request
from presqt_daemon.inbox.requests.control import HoldsChanged, ReloadRequest, UpgradeRequest
from presqt_daemon.leases.kept import KeptLease
from presqt_daemon.records.found_tickets import FoundTickets
from presqt_daemon.system.logs import tell_kept_back
from presqt_daemon.system.systemd import Notifier
from presqt_daemon.tickets.process_info import NewerInfoError
from presqt_daemon.tickets.verdict import Verdict
from presqt_daemon.workers.queue.open_ticket import OpenTicket
from presqt_daemon.workers.runs.events import Reopened, ended_by
from presqt_daemon.workers.runs.run import Work

LONGEST_WAIT_SECONDS = 1.0
"""The loop turns at least this often: `AwakeClock` counts on it."""

TELL_SECONDS = 0.5
"""How often systemd hears of us at most, however many events there are."""

GATE_SECONDS = 0.25
GATE_PATIENCE = 60.0
"""Seconds that systemd is told, again and again, of a start that makes records first."""

STOP_SLACK_SECONDS = 5.0
"""Runs are ended at the end of the grace; so much later the daemon leaves without them."""

_log = logging.getLogger(__name__)


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
        clock: Callable[[], float] | None = None,
        lease: KeptLease,
        events: "queue.SimpleQueue[Event]",
    ) -> None:
        """`lease` says that this is the daemon of these folders."""
        clock = clock or AwakeClock()
        self.config = config
        self._once = once
        self._max_wait = max_wait
        self._load = load
        self._clock = clock
        self._events = events
        self._notifier = Notifier(os.environ)
        self._rooms: Rooms = join_rooms(
            config,
            self.post,
            is_patient=not once,
            verbosity=verbosity,
            clock=clock,
            lease=lease,
        )
        self._condition = ConditionFile(rooms=self._rooms, clock=clock)
        self._stopping_by: float | None = None
        self._is_interrupted = False
        self._told_at = float("-inf")

    def post(self, event: Event) -> None:
        """Hand an event to the loop, from any thread."""
        self._events.put(event)

    def serve(self) -> int:
        """Recover, then turn until there is nothing more to do or a signal says stop."""
        listen_to_signals(self.post)
        deadline = None if self._max_wait is None else self._clock() + self._max_wait
        rooms = self._rooms
        try:
            found = self._begin(deadline)
        except (NewerInfoError, GateError, OSError):
            rooms.in_hand.close()  # no death: a start that goes no further leaves nothing behind
            raise
        if found is None:
            rooms.in_hand.close()
            rooms.dispatch.verdicts.append(Verdict.OPEN)
            return self._exit_code()
        resume_open_tickets(rooms, found)
        rooms.in_hand.close()
        rooms.open()
        # a standby that took over has a long watchdog until now
        self._notifier.send(READY="1", STATUS=rooms.summary(), **self._notifier.own_watchdog)
        _log.info(ready_line(str(self.config.inbox), rooms.off_at_start()))
        try:
            while not self._is_done(deadline):
                self._turn()
            if self._once:
                tell_what_is_left(rooms)
                self._rooms.notifications.finish()
        finally:
            rooms.close()
            self._condition.remove()
            tell_kept_back(at_end=True)
            _log.info("stopped")
        return self._exit_code()

    def _begin(self, deadline: float | None) -> FoundTickets | None:
        """What is there, once it can be served; None when the start must go no further."""
        rooms = self._rooms
        begin_start(rooms)
        self._condition.remove()
        before = find_all_tickets(rooms)
        make_mediafiles_folders(self.config)
        rooms.uploads.keep_reserve()
        rooms.notifications.start()
        rooms.inbox.recover()
        return self._open_gate(before, deadline)

    def _turn(self) -> None:
        """Start what may run, then wait for the next event and everything that came with it."""
        self._rooms.uploads.may_act()
        now = self._clock()
        if self._stopping_by is None:
            self._rooms.start_missing_threads()
            self._rooms.dispatch.start_due(now)
        if now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            self._notifier.send(WATCHDOG="1", STATUS=self._rooms.summary())
            self._rooms.tell_what_is_seen(now)
            self._condition.write_when_due()
            tell_kept_back()
        try:
            event = self._events.get(timeout=self._patience(now))
        except queue.Empty:
            return
        while True:
            self._rooms.uploads.may_act()
            self._handle(event)
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                return

    def _patience(self, now: float) -> float:
        moments = [LONGEST_WAIT_SECONDS]
        if self._notifier.watchdog_seconds is not None:
            moments.append(self._notifier.watchdog_seconds / 3)
        if (
            moment := self._rooms.dispatch.next_moment(now)
        ) is not None and self._stopping_by is None:
            moments.append(max(0.0, moment - now))
        if self._once or self._stopping_by is not None:
            moments.append(0.1)
        return min(moments)

    def _handle(self, event: Event) -> None:
        match event:
            case Claimed():
                ticket = OpenTicket(
                    ticket=event.ticket,
                    work=Work.STAGE,
                    zip_bytes=event.size,
                    folder=event.record.route.target or "",
                )
                self._rooms.dispatch.open(ticket, event.error)
                self._rooms.asked.opened(event.ticket)
            case Request():
                self._rooms.asked.take(event)
            case HoldsChanged():
                self._rooms.dispatch.have_holds(event.holds)
            case UpgradeRequest():
                self._rooms.upgrade.ask(force=event.force, answered=event.answered)
            case StopAsked():
                self._is_interrupted |= event.is_interrupt
                self._stop()
            case ReloadAsked():
                self._reload()
            case ReloadRequest():
                event.answered(self._reload())
            case _:
                self._rooms.dispatch.handle(event)
                if isinstance(event, Reopened):
                    self._rooms.asked.opened(event.ticket)
                    self._rooms.inbox.status_changed(event.ticket)
                elif (ticket_ended := ended_by(event)) is not None:
                    self._rooms.end_ticket(ticket_ended)

    def _open_gate(self, found: FoundTickets, deadline: float | None) -> FoundTickets | None:
        """The tickets once all have their records; None when the start must go no further.

        What is asked meanwhile is done afterwards. Raises GateError.
        """
        held: list[Event] = []

        def wait(what: str) -> bool:
            patience = str(int(GATE_PATIENCE * 1e6))
            self._notifier.send(STATUS=what, EXTEND_TIMEOUT_USEC=patience, WATCHDOG="1")
            self._rooms.notifications.ping.beat()
            try:
                event = self._events.get(timeout=GATE_SECONDS)
            except queue.Empty:
                return deadline is None or self._clock() < deadline
            held.append(event)
            if isinstance(event, StopAsked):
                self._is_interrupted |= event.is_interrupt
                return False
            return True

        opened = None
        try:
            opened = open_gate(
                found, self._rooms.upgrade, lambda: find_all_tickets(self._rooms), wait
            )
        finally:
            if opened is None:
                self._rooms.close_unopened()
        for event in held:
            self.post(event)
        return opened

    def _is_done(self, deadline: float | None) -> bool:
        running = self._rooms.dispatch.agenda.running()
        if self._stopping_by is not None:
            return not running or self._clock() > self._stopping_by + STOP_SLACK_SECONDS
        if not self._once:
            return False
        if deadline is not None and self._clock() >= deadline:
            self._rooms.dispatch.begin_nothing()
            if not running:
                return True
        # the inbox posts before it calls itself idle, so its events are looked for afterwards
        rooms = self._rooms
        return rooms.dispatch.is_idle() and rooms.inbox.is_idle() and self._events.empty()

    def _exit_code(self) -> int:
        if not self._once:
            return 0
        return INTERRUPTED if self._is_interrupted else exit_code(self._rooms, self._events)

    def _stop(self) -> None:
        if self._stopping_by is not None:
            grace = 0.0
        else:
            grace = self.config.stop_grace
            _log.info("stopping; what runs has %.0f s to finish", grace)
        self._notifier.send(STOPPING="1")
        self._stopping_by = self._clock() + grace
        self._rooms.dispatch.stop_by(self._stopping_by)

    def _reload(self) -> tuple[str, ...]:
        """Take over the configuration as it is now; the problems for which it is not, if any."""
        if self._load is None:
            return ()
        try:
            config = self._load()
        except ConfigError as error:
            problems = error.problems
        else:
            is_same = config.needs_no_restart_after(self.config)
            needs_restart = ("another inbox, mediafiles or engine needs a restart",)
            problems = () if is_same else needs_restart
        for problem in problems:
            _log.error("the new configuration is not used: %s", problem)
        if not problems:
            self.config = config
            self._rooms.use(config)
            _log.info("the configuration was read again")
        return problems
