"""What happens to open tickets: who runs next, and what follows from how a run ended.

Used by the arbiter's thread only; runs and changes are jobs of one engine, and their ends come back
through `post` as events.
"""

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

from presqt_daemon.errors import PresqtError, UserFault
from presqt_daemon.system.logs import shared_log
from presqt_daemon.tickets.holds import Holds
from presqt_daemon.tickets.status_writer import utc_now
from presqt_daemon.tickets.verdict import Verdict, verdict
from presqt_daemon.workers.changes import TicketChanges
from presqt_daemon.workers.engines.threads import ThreadEngine
from presqt_daemon.workers.held_targets import HeldTargets
from presqt_daemon.workers.jobs import TicketJob, TicketJobs
from presqt_daemon.workers.queue.open_ticket import OpenTicket
from presqt_daemon.workers.queue.queue import TicketQueue
from presqt_daemon.workers.recover import open_ticket
from presqt_daemon.workers.run_ticket import run_ticket, run_tickets_here
from presqt_daemon.workers.runs.events import (
    Busy,
    ChangeEvent,
    Closed,
    Ended,
    Event,
    Noted,
    Refusal,
    Reopened,
)
from presqt_daemon.workers.runs.proof import Serves
from presqt_daemon.workers.runs.run import (
    WRITE_RETRY_SECONDS,
    Interruption,
    Run,
    RunEnd,
    RunKind,
    WentOn,
    not_begun,
)
from presqt_daemon.workers.supervisor import Supervisor
from presqt_daemon.workers.unfinished_runs import CANCELLED

AGAIN_SECONDS = 0.2
"""A run whose worker died is not repeated at once, lest a broken machine spins."""

LEASE_SECONDS = 30.0
"""How long a record that another program is changing is waited for, before a retry is refused."""

LEASE_LOOK_SECONDS = 0.1
CLOSE_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class Dispatch:
    """The open tickets and the hands that work on them; `carry_out` is a run, here or elsewhere."""

    supervisor: Supervisor
    post: Callable[[Event], None]
    clock: Callable[[], float] = time.monotonic
    agenda: TicketQueue = field(default_factory=TicketQueue)
    verdicts: list[Verdict] = field(default_factory=list)
    engine: Executor = field(default_factory=ThreadEngine)
    carry_out: Callable[..., RunEnd] = run_ticket
    _jobs: TicketJobs = field(init=False)
    _holding: HeldTargets = field(init=False)
    _later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    _reopening: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give the jobs their table, and the pauses their place."""
        run_tickets_here(self.supervisor)
        changes = TicketChanges(self.supervisor)
        self._jobs = TicketJobs(changes=changes, engine=self.engine, post=self.post)
        self._holding = HeldTargets(
            agenda=self.agenda,
            supervisor=self.supervisor,
            note=self._jobs.note,
            clock=self.clock,
            wall=utc_now,
        )

    def open(self, ticket: OpenTicket, error: PresqtError | None) -> None:
        """Let a ticket in; with an error it is ended at once. One that is open already is not."""
        if ticket.ticket in self.agenda.tickets:
            return
        if error is None:
            self.agenda.add(ticket)
        else:
            self._jobs.end(ticket.ticket, error)

    def cancel(self, name: str) -> None:
        """End a ticket as was asked, wherever it is; what has ended stays as it is."""
        ticket = self.agenda.tickets.get(name)
        if ticket is None:
            shared_log("not open", None, name).info("asked to cancel, but it is not open")
        elif ticket.interruption is not None:
            ticket.interruption.is_cancelled = True
        else:
            self._end_cancelled(name)

    def retry(self, name: str) -> bool:
        """Let an ended ticket go again, if it may; a target that it waits for is tried at once.

        Whether it will be told by `Reopened` what came of it. Of a ticket that a run still has that
        is not known before its file was looked at: its end may be written and not yet told.
        """
        ticket = self.agenda.tickets.get(name)
        if ticket is not None:
            log = shared_log("asked to retry", ticket.folder, name)
            log.info("asked to retry; as far as is known it has not ended")
            self._ask_at_once(ticket)
            if ticket.interruption is None:
                return False
        if name not in self._reopening:
            self._reopening[name] = self.clock() + LEASE_SECONDS
            self._reopen(name)
        return True

    def _reopen(self, name: str) -> None:
        if name in self.agenda.tickets:
            self._jobs.refuse_if_open(name)
        else:
            self._jobs.reopen(name)

    def start_due(self, now: float) -> None:
        """Start every run that may begin now."""
        self._holding.wake(now)
        self._holding.look_at_tokens(now)
        for item in [item for item in self._later if item[0] <= now]:
            self._later.remove(item)
            item[1]()
        self._jobs.start_waiting()
        for run in list(self.agenda.runs(self.supervisor.permits, now, self._jobs.has)):
            self._begin(run)
        self.supervisor.permits.have_queued(self.agenda.queued(), self.agenda.is_running)
        self._holding.write_note(now)

    def next_moment(self, now: float) -> float | None:
        """When `start_due` has something to do without an event, None for never."""
        moments = [moment for moment, _ in self._later]
        others = (self.agenda.next_moment(now), self._holding.next_moment())
        return min([*moments, *(one for one in others if one is not None)], default=None)

    def handle(self, event: Event) -> None:
        """Take in how something ended, or goes on."""
        if isinstance(event, ChangeEvent):
            self._jobs.unanswered -= 1
        # the ticket has no party any more; that holds while the daemon stops, too
        self._jobs.start_waiting()
        match event:
            case Ended():
                self._settle(event)
            case Serves():
                self._holding.serves(event.ticket)
            case WentOn():
                if (ticket := self.agenda.tickets.get(event.ticket)) is not None:
                    ticket.become_staged(event.target, event.resource_id)
            case Closed():
                self._take_closed(event)
            case Noted():
                self._take_noted(event)
            case Busy():
                self._take_busy(event)
            case Reopened():
                self._take_reopened(event)

    def have_holds(self, holds: Holds) -> None:
        """Send nothing more of what the operator has put on hold; what is being sent goes on."""
        self._holding.have_holds(holds)

    def begin_nothing(self) -> None:
        """Let no run that has staged go on into sending: the daemon is about to end."""
        self.supervisor.permits.goes_on = False

    def stop_by(self, moment: float) -> None:
        """Let what runs go on until a moment of the monotonic clock."""
        self.begin_nothing()
        for ticket in self.agenda.running():
            if ticket.interruption is not None:
                ticket.interruption.stop_by = moment

    def is_idle(self) -> bool:
        """Whether nothing is on its way, and what is open waits for an operator's word alone."""
        return self.agenda.has_only_holds() and not self._jobs.unanswered and not self._later

    def resume_targets(self) -> None:
        """Have paused targets asked at once, as after a changed configuration."""
        self._holding.ask_at_once(None)

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Wait for what is still to be written on tickets, and for what hangs not for long."""
        self._jobs.close(timeout)

    def _begin(self, run: Run) -> None:
        """Start a run; one for which there is no thread now comes back soon."""
        permits = self.supervisor.permits
        interruption = self.agenda.tickets[run.ticket].interruption or Interruption()
        permits.interruptions[run.ticket] = interruption
        job = TicketJob(
            ticket=run.ticket,
            function=self.carry_out,
            arguments=(self.supervisor.config.mediafiles, run.ticket, run, permits),
            answer=lambda end: Ended(end, run),
            lost=Ended(RunEnd(ticket=run.ticket, kind=RunKind.AGAIN, info=None), run),
        )
        if not self._jobs.run(job):
            self._settle(Ended(not_begun(run), run))

    def _settle(self, event: Ended) -> None:
        """Give permits back and decide what is next for a ticket."""
        end, run = event.end, event.run
        permits = self.supervisor.permits
        permits.interruptions.pop(run.ticket, None)
        permits.end_staging(run.ticket)
        permits.end_sending(run.ticket)
        ticket = self.agenda.tickets[run.ticket]
        is_cancelled = ticket.is_cancelled
        # the pause is judged first: it matters whether this run was the one that asked
        self._holding.judge(ticket, end)
        self.agenda.end_run(ticket)
        if end.kind is RunKind.OVER:
            self.agenda.remove(end.ticket)
            self._count(end)
        elif is_cancelled:
            # asked for when the run was about to end, or could not tell of it
            self._end_cancelled(end.ticket)
        else:
            self._go_on(ticket, end)

    def _go_on(self, ticket: OpenTicket, end: RunEnd) -> None:
        now, ticket.waits_for = self.clock(), end.waiting_for
        match end.kind:
            case RunKind.STAGED:
                assert end.info is not None
                ticket.become_staged(end.info.target, end.info.resource_id)
                self.agenda.add(ticket)
            case RunKind.PARKED if end.held is not None:
                self.agenda.hold(ticket, now)
            case RunKind.PARKED:
                ticket.begin_waiting(now)
                self.agenda.park(ticket, end.wait_from(now))
            case RunKind.OUTGROWN:
                ticket.is_slow = True
                self.agenda.add(ticket)
            case RunKind.AGAIN:
                ticket.go_again(end)
                self.agenda.park(ticket, now + AGAIN_SECONDS)

    def _take_noted(self, event: Noted) -> None:
        self._holding.end_note()
        if event.ticket not in self.agenda.tickets:
            return
        if event.end is not None and event.end.kind is RunKind.OVER:
            self.agenda.remove(event.ticket)
            self._count(event.end)
            return
        self._holding.have_noted(event.ticket)

    def _take_closed(self, event: Closed) -> None:
        if event.end.kind is RunKind.PARKED:
            name, error = event.end.ticket, event.error
            moment = self.clock() + WRITE_RETRY_SECONDS
            self._later.append((moment, lambda: self._jobs.end(name, error)))
        else:
            self._count(event.end)

    def _take_busy(self, event: Busy) -> None:
        """Have it tried again soon; a change that waited would hold up others."""
        name, now = event.ticket, self.clock()
        if now < self._reopening[name]:
            self._later.append((now + LEASE_LOOK_SECONDS, lambda: self._reopen(name)))
        else:
            self._jobs.refuse(name, Refusal.BUSY)

    def _take_reopened(self, event: Reopened) -> None:
        name = event.ticket
        del self._reopening[name]
        if event.refusal is not None:
            return
        ticket = open_ticket(self.supervisor.uploads.folder(name))
        if ticket is not None:
            self.agenda.add(ticket)
            self._ask_at_once(ticket)

    def _ask_at_once(self, ticket: OpenTicket) -> None:
        if ticket.target is not None:
            self._holding.ask_at_once(ticket.target)

    def _end_cancelled(self, name: str) -> None:
        self.agenda.remove(name)
        self._jobs.end(name, UserFault("cancelled", CANCELLED))

    def _count(self, end: RunEnd) -> None:
        self.verdicts.append(Verdict.FAILED if end.info is None else verdict(end.info))
