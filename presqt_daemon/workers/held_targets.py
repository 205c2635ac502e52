"""Which targets are held, and what is told of it: in the log, and on every ticket that waits.

Used by the arbiter's thread only. The table of pauses stands in
`presqt_daemon.workers.runs.pauses`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from presqt_daemon.model import PauseKind
from presqt_daemon.tickets.holds import Holds
from presqt_daemon.units import text_from_seconds
from presqt_daemon.workers.queue.on_hold import HoldNote, tell_change
from presqt_daemon.workers.queue.open_ticket import OpenTicket
from presqt_daemon.workers.queue.queue import TicketQueue
from presqt_daemon.workers.runs.pauses import Pause
from presqt_daemon.workers.runs.run import RunEnd
from presqt_daemon.workers.supervisor import Supervisor

TOKEN_LOOK_SECONDS = 5.0
NOTE_LEAST_SECONDS = 1.0

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class HeldTargets:
    """Begins pauses, ends them, and has both told."""

    agenda: TicketQueue
    supervisor: Supervisor
    note: Callable[[str, Pause | HoldNote, float | None, float], None]
    clock: Callable[[], float]
    wall: Callable[[], datetime]
    _is_noting: bool = False
    _looked: float = float("-inf")

    def have_holds(self, holds: Holds) -> None:
        """Send nothing more of what the operator has put on hold, and say so in the log."""
        before = self.agenda.on_hold.holds
        if holds != before:
            targets = self.supervisor.config.targets
            tell_change(before, holds, targets, self.agenda.running())
            self.supervisor.permits.holds = holds
            self.agenda.have_holds(holds)

    def judge(self, ticket: OpenTicket, end: RunEnd) -> None:
        """Pause a target that no other ticket would find better; let a mended one run again."""
        if ticket.target is None:
            return
        now = self.clock()
        if end.held is not None:
            begins = self.agenda.pause(
                ticket.target, end.held, asked_by=ticket.ticket, now=now, wall=self.wall()
            )
            if begins:
                again = text_from_seconds(max(0.0, self._pause_of(ticket.target).until - now))
                _log.warning(
                    "%s is held since now: %s It is asked again in %s; its tickets wait.",
                    ticket.target,
                    _sentence(end.held.cause),
                    again,
                )
            if ticket.is_asked_again:
                self.agenda.ask_at_once(ticket.target, now)
        elif end.is_delivered:
            self.resume(ticket.target)

    def serves(self, name: str) -> None:
        """A ticket's target has taken a file: whoever sent it, a pause ends."""
        ticket = self.agenda.tickets.get(name)
        if ticket is not None and ticket.target is not None:
            self.resume(ticket.target)

    def resume(self, target: str) -> None:
        """Let a target's tickets run again, and say so where it was held."""
        self.agenda.served[target] = self.wall()
        ended = self.agenda.resume(target, self.clock())
        if ended is not None:
            lasted = text_from_seconds((self.wall() - ended.since).total_seconds())
            # as loud as the line that it answers: who reads warnings alone knows that it is over
            _log.warning(
                "%s serves again, after %s. The cause was: %s",
                target,
                lasted,
                _sentence(ended.cause),
            )

    def wake(self, now: float) -> None:
        """Let go what waited for this moment."""
        for ended in self.agenda.wake(now):
            _log.info("%s is asked no more: no ticket waits for it", ended.target)

    def ask_at_once(self, target: str | None) -> None:
        """Have a paused target asked now, or with None every one."""
        self.agenda.ask_at_once(target, self.clock())

    def look_at_tokens(self, now: float) -> None:
        """Have a target asked at once whose missing or refused token has been replaced."""
        if now - self._looked < TOKEN_LOOK_SECONDS:
            return
        for target in self._waiting_for_tokens():
            self._looked = now
            mark = self.supervisor.token_mark(target)
            if mark is not None and mark != self.supervisor.permits.refused_mark(target):
                self.agenda.ask_at_once(target, now)

    def write_note(self, now: float) -> None:
        """Have one held ticket written on; the next when that is done, so that nothing queues."""
        found = None if self._is_noting else self.agenda.take_note(now)
        if found is not None:
            self._is_noting = True
            ticket, pause = found
            # a moment that has come is no next attempt: the target is being asked now
            until = pause.until if isinstance(pause, Pause) else now
            seconds = until - now if until > now else None
            self.note(ticket.ticket, pause, seconds, ticket.waited_until(now))

    def have_noted(self, name: str) -> None:
        """Take in that a held ticket was written on."""
        ticket, now = self.agenda.tickets.get(name), self.clock()
        if ticket is not None:
            left = self.supervisor.config.uploads.deadline - ticket.waited_until(now)
            self.agenda.end_note(name, now + max(NOTE_LEAST_SECONDS, left))

    def end_note(self) -> None:
        """The next ticket may be written on."""
        self._is_noting = False

    def next_moment(self) -> float | None:
        """When there is something to look at or to write without an event, None for never."""
        moments = [self._looked + TOKEN_LOOK_SECONDS] if self._waiting_for_tokens() else []
        note = None if self._is_noting else self.agenda.next_note()
        return min([*moments, *([] if note is None else [note])], default=None)

    def _pause_of(self, target: str) -> Pause:
        return self.agenda.all_pauses()[target]

    def _waiting_for_tokens(self) -> list[str]:
        pauses = self.agenda.pauses()
        return [target for target, pause in pauses.items() if pause.kind is PauseKind.TOKEN]


def _sentence(cause: str) -> str:
    return cause if cause.endswith((".", "!", "?")) else f"{cause}."
