"""The jobs on tickets: runs, and changes of tickets that wait or have ended.

One party at a time has a ticket: this table says who has it, and who has it next. It is asserted
once more where a ticket's files are written (`presqt_daemon.tickets.parties`).
"""

import concurrent.futures
import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

from presqt_daemon.errors import PresqtError
from presqt_daemon.workers.changes import TicketChanges, tried_again
from presqt_daemon.workers.engines.threads import NoThreadError
from presqt_daemon.workers.queue.on_hold import HoldNote
from presqt_daemon.workers.runs.events import ChangeEvent, Closed, Event, Noted, Refusal, Reopened
from presqt_daemon.workers.runs.pauses import Pause

CHANGES_AT_ONCE = 4
"""One change that hangs on a disk holds up no other, and a thousand take no thousand threads."""

LATE_SECONDS = 0.5
"""How long runs are waited for that were to be over: their threads end with the process."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketJob:
    """What is to be done on a ticket, None where nothing is written; plain arguments.

    `answer` makes the event of what `function` has returned, `lost` is told where it did not.
    """

    ticket: str | None
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    lost: Event
    answer: Callable[[Any], Event] = lambda event: event


@dataclass(slots=True, kw_only=True)
class TicketJobs:
    """Hands jobs to the engine; used by the arbiter's thread only, the answers go to `post`.

    `unanswered` counts the changes whose answers have not been taken in yet. A change that would
    wait for something but the disk may not be handed over: others stand behind it.
    """

    changes: TicketChanges
    engine: Executor
    post: Callable[[Event], None]
    unanswered: int = 0
    _runs: dict[str, Future[Any]] = field(default_factory=dict)
    _changes: list[tuple[TicketJob, Future[Any]]] = field(default_factory=list)
    _waiting: deque[TicketJob] = field(default_factory=deque)
    _next: Counter[str | None] = field(default_factory=Counter)

    def has(self, ticket: str) -> bool:
        """Whether a party has a ticket, or is the next to have it."""
        run = self._runs.get(ticket)
        return (
            (run is not None and not run.done())
            or self._next[ticket] > 0
            or any(job.ticket == ticket and not future.done() for job, future in self._changes)
        )

    def run(self, job: TicketJob) -> bool:
        """Begin a run of a ticket that nobody has; False where there is no thread for it now.

        False also for a ticket that another party has, which the caller should have asked about.
        """
        assert job.ticket is not None
        if self.has(job.ticket):
            _log.error("ticket %s has a party already; its run comes later", job.ticket)
            return False
        future = self._start(job)
        if future is not None:
            self._runs = {name: one for name, one in self._runs.items() if not one.done()}
            self._runs[job.ticket] = future
        return future is not None

    def end(self, ticket: str, error: PresqtError) -> None:
        """Have a ticket ended."""
        lost = Closed(tried_again(ticket), error)
        self._hand_over(ticket, lost, self.changes.end, ticket, error)

    def note(
        self, ticket: str, pause: Pause | HoldNote, seconds: float | None, waited: float
    ) -> None:
        """Have it written on a ticket what it waits for."""
        lost = Noted(ticket, None)
        self._hand_over(ticket, lost, self.changes.note, ticket, pause, seconds, waited)

    def reopen(self, ticket: str) -> None:
        """Have an ended ticket opened again."""
        lost = Reopened(ticket, Refusal.BUG)
        self._hand_over(ticket, lost, self.changes.reopen, ticket)

    def refuse_if_open(self, ticket: str) -> None:
        """Have it looked at whether a ticket that a run still has is open; nothing is written."""
        lost = Reopened(ticket, Refusal.BUG)
        self._hand_over(None, lost, self.changes.refuse_if_open, ticket)

    def refuse(self, ticket: str, refusal: Refusal) -> None:
        """Have it said that an ended ticket is not opened again."""
        lost = Reopened(ticket, refusal)
        self._hand_over(None, lost, self.changes.refuse, ticket, refusal)

    def start_waiting(self) -> None:
        """Begin the changes whose ticket nobody has, in their order."""
        self._changes = [one for one in self._changes if not one[1].done()]
        passed: deque[TicketJob] = deque()
        taken = {job.ticket for job, _ in self._changes} - {None}
        while self._waiting and len(self._changes) < CHANGES_AT_ONCE:
            job = self._waiting.popleft()
            run = self._runs.get(job.ticket or "")
            if job.ticket in taken or (run is not None and not run.done()):
                passed.append(job)
            elif (future := self._start(job)) is not None:
                self._changes.append((job, future))
                self._begin_next(job.ticket)
            else:
                self._waiting.appendleft(job)
                break
            if job.ticket is not None:
                # whoever comes later for this ticket stays behind
                taken.add(job.ticket)
        self._waiting.extendleft(reversed(passed))

    def close(self, changes_seconds: float, runs_seconds: float = LATE_SECONDS) -> None:
        """Carry out the changes, for so long at most, then wait for runs that are about to end."""
        until = time.monotonic() + changes_seconds
        self.start_waiting()
        while self._changes and (left := until - time.monotonic()) > 0:
            futures = [future for _, future in self._changes]
            concurrent.futures.wait(futures, left, concurrent.futures.FIRST_COMPLETED)
            self.start_waiting()
        concurrent.futures.wait(self._runs.values(), runs_seconds)

    def _hand_over(
        self, ticket: str | None, lost: Event, change: Callable[..., ChangeEvent], *arguments: Any
    ) -> None:
        self.unanswered += 1
        self._next[ticket] += 1
        self._waiting.append(
            TicketJob(ticket=ticket, function=change, arguments=arguments, lost=lost)
        )
        self.start_waiting()

    def _begin_next(self, ticket: str | None) -> None:
        self._next[ticket] -= 1
        if not self._next[ticket]:
            del self._next[ticket]

    def _start(self, job: TicketJob) -> "Future[Any] | None":
        try:
            future = self.engine.submit(job.function, *job.arguments)
        except NoThreadError:
            return None
        future.add_done_callback(lambda done: self.post(_event_of(job, done)))
        return future


def _event_of(job: TicketJob, done: "Future[Any]") -> Event:
    error = done.exception()
    if error is None:
        return job.answer(done.result())
    _log.error("a job on ticket %s has no answer", job.ticket, exc_info=error)
    return job.lost
