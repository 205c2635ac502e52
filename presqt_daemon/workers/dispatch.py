"""What happens to open tickets: who runs next, and what follows from how a run ended.

Used by the arbiter's thread only; work is handed to the engine and the clerk, whose ends come back
through `post` as events.
"""

import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field

from presqt_daemon.errors import PresqtError
from presqt_daemon.model import Stage
from presqt_daemon.system.logs import ticket_log
from presqt_daemon.tickets.verdict import Verdict, verdict
from presqt_daemon.workers.agenda import Agenda, OpenTicket
from presqt_daemon.workers.clerk import Clerk, Reopened
from presqt_daemon.workers.engine import make_engine
from presqt_daemon.workers.recover import open_ticket
from presqt_daemon.workers.run import Run, RunEnd, RunKind, Work
from presqt_daemon.workers.supervisor import WRITE_RETRY_SECONDS, Supervisor

AGAIN_SECONDS = 0.2
"""A run whose worker died is not repeated at once, lest a broken machine spins."""

UNKNOWN_WAIT_SECONDS = 60.0
BUG_WAIT_SECONDS = 60.0
TOKEN_LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a worker's run, or of what the clerk did (`again` repeats that)."""

    end: RunEnd
    run: Run | None = None
    again: Callable[[], RunEnd] | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """The clerk has written on a waiting ticket what it waits for."""

    ticket: str


Event = Ended | Noted | Reopened


@dataclass(slots=True, kw_only=True)
class Dispatch:
    """The open tickets and the hands that work on them."""

    supervisor: Supervisor
    post: Callable[[Event], None]
    clock: Callable[[], float] = time.monotonic
    agenda: Agenda = field(default_factory=Agenda)
    verdicts: list[Verdict] = field(default_factory=list)
    _engine: Executor = field(default_factory=make_engine)
    _desk: Executor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=1, thread_name_prefix="clerk")
    )
    _at_desk: int = 0
    _later: list[tuple[float, Callable[[], RunEnd]]] = field(default_factory=list)
    _refused: dict[str, str | None] = field(default_factory=dict)
    _looked: float = 0.0

    @property
    def clerk(self) -> Clerk:
        """The clerk, as stateless as its supervisor."""
        return Clerk(self.supervisor)

    def open(self, ticket: OpenTicket, error: PresqtError | None) -> None:
        """Let a ticket in; with an error it is ended at once. One that is open already is not."""
        if ticket.ticket in self.agenda.tickets:
            return
        if error is None:
            self.agenda.add(ticket)
        else:
            self._end_at_desk(lambda: self.clerk.reject(ticket.ticket, error))

    def cancel(self, name: str) -> None:
        """End a ticket as was asked, wherever it is; what has ended stays as it is."""
        ticket = self.agenda.tickets.get(name)
        if ticket is None:
            ticket_log(name).info("asked to cancel, but it is not open")
        elif ticket.interruption is not None:
            ticket.interruption.cancelled.set()
        else:
            self.agenda.remove(name)
            self._end_at_desk(lambda: self.clerk.cancel(name))

    def retry(self, name: str) -> None:
        """Let an ended ticket go again, if it may."""
        if name in self.agenda.tickets:
            ticket_log(name).info("asked to retry, but it has not ended")
            return
        self._at_desk += 1
        self._desk.submit(lambda: self.post(self.clerk.reopen(name)))

    def start_due(self, now: float) -> None:
        """Start every run that may begin now."""
        self.agenda.wake(now)
        self._look_at_tokens(now)
        for item in [item for item in self._later if item[0] <= now]:
            self._later.remove(item)
            self._end_at_desk(item[1])
        for run in self.agenda.runs(self.supervisor.permits, now):
            self._engine.submit(self._go, run)

    def next_moment(self) -> float | None:
        """When `start_due` has something to do without an event, None for never."""
        moments = [moment for moment, _ in self._later]
        moments += [self._looked + TOKEN_LOOK_SECONDS] if self._refused else []
        parked = self.agenda.next_moment()
        return min([*moments, *([] if parked is None else [parked])], default=None)

    def handle(self, event: Event) -> None:
        """Take in how something ended."""
        match event:
            case Ended():
                self._settle(event)
            case Noted():
                self._at_desk -= 1
                self.agenda.back_from_desk(event.ticket)
            case Reopened():
                self._at_desk -= 1
                self._take_back(event)

    def stop_by(self, moment: float) -> None:
        """Let what runs go on until a moment of the monotonic clock."""
        for ticket in self.agenda.running():
            if ticket.interruption is not None:
                ticket.interruption.stop_by = moment

    def is_idle(self) -> bool:
        """Whether nothing is open and nothing is on its way."""
        return not self.agenda.tickets and not self._at_desk and not self._later

    def resume_targets(self) -> None:
        """Let paused targets run, as after a changed configuration."""
        self._refused.clear()
        self.agenda.resume_all()

    def close(self) -> None:
        """Wait for what the clerk and the runs still write."""
        self._desk.shutdown(wait=True)
        self._engine.shutdown(wait=True, cancel_futures=True)

    def _go(self, run: Run) -> None:
        """One run, on a thread of the engine; whatever happens, its end is posted."""
        try:
            end = self.supervisor.run(run)
        except Exception:  # noqa: BLE001  (one ticket's bug must not end the daemon)
            ticket_log(run.ticket).exception("a bug of ours; the ticket is tried again")
            end = RunEnd(
                ticket=run.ticket, kind=RunKind.PARKED, info=None, seconds=BUG_WAIT_SECONDS
            )
        self.post(Ended(end, run=run))

    def _end_at_desk(self, task: Callable[[], RunEnd]) -> None:
        self._at_desk += 1
        self._desk.submit(lambda: self.post(Ended(task(), again=task)))

    def _settle(self, event: Ended) -> None:
        """Give permits back and decide what is next for a ticket."""
        end = event.end
        ticket = self.agenda.tickets.get(end.ticket)
        if event.again is not None:
            self._at_desk -= 1
            if end.kind is RunKind.PARKED:
                self._later.append((self.clock() + WRITE_RETRY_SECONDS, event.again))
                return
        if event.run is not None and ticket is not None:
            self._give_back(ticket, event.run)
            self._judge_target(ticket, event.run, end)
        if end.kind is RunKind.OVER:
            self.agenda.remove(end.ticket)
            self.verdicts.append(Verdict.FAILED if end.info is None else verdict(end.info))
        elif ticket is not None and _is_cancelled(ticket):
            # asked for when the run was about to end, or could not tell of it
            self.agenda.remove(end.ticket)
            self._end_at_desk(lambda: self.clerk.cancel(end.ticket))
        elif ticket is not None:
            self._go_on(ticket, end)
            if ticket.target is not None:
                self._tell(ticket.target)

    def _go_on(self, ticket: OpenTicket, end: RunEnd) -> None:
        now = self.clock()
        match end.kind:
            case RunKind.STAGED:
                assert end.info is not None
                ticket.work, ticket.deaths, ticket.is_resume = Work.UPLOAD, 0, False
                ticket.target, ticket.resource_id = end.info.target, end.info.resource_id
                self.agenda.add(ticket)
            case RunKind.PARKED if end.whole_target and ticket.target is not None:
                self.agenda.add(ticket, first=True)
            case RunKind.PARKED:
                wait = UNKNOWN_WAIT_SECONDS if end.seconds is None else end.seconds
                self.agenda.park(ticket, now + wait)
            case RunKind.AGAIN:
                ticket.deaths = 0 if end.made_progress else ticket.deaths + 1
                ticket.is_resume = True
                if end.info is not None and end.info.stage in {Stage.RECEIVED, Stage.VALIDATED}:
                    ticket.work = Work.STAGE
                self.agenda.park(ticket, now + AGAIN_SECONDS)
            case _:
                ticket.interruption = None

    def _judge_target(self, ticket: OpenTicket, run: Run, end: RunEnd) -> None:
        """Pause a target that no other ticket would find better; let a mended one run again."""
        target = ticket.target
        if run.work is not Work.UPLOAD or target is None:
            return
        if end.kind is RunKind.PARKED and end.whole_target:
            wait = UNKNOWN_WAIT_SECONDS if end.seconds is None else end.seconds
            self._pause(target, self.clock() + wait, end.waiting_for or "the target")
        elif end.info is not None and end.info.error_code == "unauthorized":
            self._refused[target] = self.supervisor.token_mark(target)
            self._pause(target, None, "a token")
        elif end.kind is RunKind.OVER:
            self.agenda.resume(target)

    def _pause(self, target: str, until: float | None, waiting_for: str) -> None:
        """Hold a target's tickets, and say so on them."""
        self.agenda.pause(target, until, waiting_for)
        self._tell(target)

    def _tell(self, target: str) -> None:
        """Say on the tickets of a paused target what they wait for, once."""
        for ticket, waiting_for in self.agenda.take_to_desk(target):
            self._at_desk += 1
            self._desk.submit(self._note, ticket.ticket, waiting_for)

    def _note(self, ticket: str, waiting_for: str) -> None:
        self.clerk.note_waiting(ticket, waiting_for)
        self.post(Noted(ticket))

    def _look_at_tokens(self, now: float) -> None:
        """Let a target run again whose refused token has been replaced."""
        if not self._refused or now - self._looked < TOKEN_LOOK_SECONDS:
            return
        self._looked = now
        for target, mark in list(self._refused.items()):
            if self.supervisor.token_mark(target) != mark:
                del self._refused[target]
                self.agenda.resume(target)

    def _give_back(self, ticket: OpenTicket, run: Run) -> None:
        permits = self.supervisor.permits
        if run.work is Work.STAGE:
            permits.end_staging(ticket.zip_bytes)
        else:
            permits.end_sending(ticket.target or "", ticket.resource_id)

    def _take_back(self, event: Reopened) -> None:
        if event.refusal is not None:
            ticket_log(event.ticket).info("not retried: %s", event.refusal)
            return
        ticket = open_ticket(self.supervisor.uploads.folder(event.ticket))
        if ticket is not None:
            self.agenda.add(ticket)


def _is_cancelled(ticket: OpenTicket) -> bool:
    return ticket.interruption is not None and ticket.interruption.cancelled.is_set()
