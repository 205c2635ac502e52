"""The staged tickets that an operator keeps from being sent, and what their statuses say of it."""

import logging
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from presqt_daemon.tickets.holds import Holds
from presqt_daemon.workers.queue.open_ticket import OpenTicket

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HoldNote:
    """What a waiting ticket's status is to say: why it is on hold; None: it is not any more."""

    reason: str | None


@dataclass(slots=True)
class OnHold:
    """Who is on hold, and their tickets; used by the arbiter's thread only.

    Only what waits to be sent is kept here: drops are taken and staged as ever, and what is being
    sent goes to its end. The time of a hold counts towards no limit.
    """

    holds: Holds = field(default_factory=Holds)
    tickets: dict[str, OpenTicket] = field(default_factory=dict)
    _unwritten: deque[OpenTicket] = field(default_factory=deque)

    def take(self, ticket: OpenTicket) -> bool:
        """Keep a ticket that is to be sent, if it is on hold; whether it is."""
        if not self.holds.cover(ticket.ticket, ticket.target):
            return False
        self.tickets[ticket.ticket] = ticket
        # the time of a hold is nobody's wait: no deadline ends what an operator keeps
        ticket.waits_from = ticket.note_at = None
        self._unwritten.append(ticket)
        return True

    def change(self, holds: Holds) -> list[OpenTicket]:
        """Know from now on who is on hold; the tickets that may go again, in their order."""
        self.holds = holds
        gone = [
            ticket
            for ticket in self.tickets.values()
            if not holds.cover(ticket.ticket, ticket.target)
        ]
        for ticket in gone:
            del self.tickets[ticket.ticket]
        self._unwritten.extend(self.tickets.values())
        return sorted(gone, key=lambda ticket: ticket.order)

    def have_withdrawn(self, ticket: OpenTicket) -> None:
        """Have it written on a ticket that it is not on hold any more."""
        self._unwritten.append(ticket)

    def remove(self, name: str) -> None:
        """Forget a ticket, which goes or has ended."""
        self.tickets.pop(name, None)

    def has_note(self) -> bool:
        """Whether something is to be written."""
        return bool(self._unwritten)

    def take_note(self) -> tuple[OpenTicket, HoldNote] | None:
        """A ticket that is to be written on now, and what; a run writes its own."""
        while self._unwritten:
            ticket = self._unwritten.popleft()
            if ticket.is_gone or ticket.interruption is not None:
                continue
            if ticket.ticket in self.tickets:
                return ticket, HoldNote(self.holds.reason(ticket.ticket, ticket.target))
            return ticket, HoldNote(None)
        return None


def tell_change(
    before: Holds, after: Holds, targets: Collection[str], running: Iterable[OpenTicket]
) -> None:
    """Say in the log what is on hold from now on, and what is not any more."""
    busy = list(running)
    if before.everything is None and after.everything is not None:
        _log.warning("all sending is on hold, as the operator asked%s", _going_on(busy))
    elif before.everything is not None and after.everything is None:
        _log.warning("sending goes on: the hold of everything has ended")
    for name in sorted(after.named.keys() - before.named.keys()):
        if name in targets or name in after.tickets:
            here = [ticket for ticket in busy if name in {ticket.ticket, ticket.target}]
            _log.warning("%s is on hold, as the operator asked%s", name, _going_on(here))
        else:
            _log.warning("control/%s.hold holds nothing: no target has that name", name)
    for name in sorted(before.named.keys() - after.named.keys()):
        _log.warning("%s goes on: its hold has ended", name)


def _going_on(running: list[OpenTicket]) -> str:
    """What a hold does not stop, for the end of a sentence."""
    count = len(running)
    if not count:
        return ""
    return f"; {count} ticket{'' if count == 1 else 's'} at work go{'es' if count == 1 else ''} on"
