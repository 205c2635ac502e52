"""One target's waiting tickets: turns by container and size; a pause while it is of no use."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from presqt_daemon.workers.queue.open_ticket import OpenTicket
from presqt_daemon.workers.runs.pauses import Pause


@dataclass(slots=True)
class TargetQueue:
    """Tickets by container and size, so that none starves another; `asker` runs despite a pause.

    Removed tickets stay in the queues until their turn comes. `is_due` says that it was noted that
    the pause's moment has come.
    """

    queues: OrderedDict[tuple[str, bool], deque[OpenTicket]] = field(default_factory=OrderedDict)
    """The key: container, empty for new ones, and whether the bags are large."""

    pause: Pause | None = None
    asker: str | None = None
    is_due: bool = False

    def add(self, ticket: OpenTicket, *, is_large: bool, first: bool = False) -> None:
        """Let a ticket wait."""
        queue = self.queues.setdefault((ticket.resource_id or "", is_large), deque())
        if first:
            queue.appendleft(ticket)
        else:
            queue.append(ticket)

    def tickets(self) -> Iterator[OpenTicket]:
        """Every ticket that waits."""
        for queue in self.queues.values():
            yield from (ticket for ticket in queue if not ticket.is_gone)

    def is_empty(self) -> bool:
        """Whether no ticket waits."""
        for queue in self.queues.values():
            while queue and queue[0].is_gone:
                queue.popleft()
            if queue:
                return False
        return True

    def may_run(self, now: float) -> bool:
        """Whether a ticket may begin now, as far as the pause has a say."""
        return self.pause is None or (self.asker is None and now >= self.pause.until)

    def hold(self, pause: Pause) -> None:
        """Hold the tickets."""
        self.pause, self.is_due = pause, False

    def resume(self, now: float) -> Pause | None:
        """Let all run again; the pause that ends with it."""
        ended, self.pause, self.asker, self.is_due = self.pause, None, None, False
        if ended is not None:
            for ticket in self.tickets():
                ticket.end_waiting(now)
        return ended

    def end_run(self, name: str) -> bool:
        """Take in that a worker has let go of a ticket; whether it was the one that asked."""
        was_asker = self.asker == name
        if was_asker:
            self.asker = None
        return was_asker

    def is_pause_over(self, now: float) -> bool:
        """Whether the pause has run out, and there is nobody who could ask."""
        if self.pause is None or self.pause.until > now:
            return False
        return self.asker is None and self.is_empty()

    def next_moment(self, now: float) -> float | None:
        """When the pause lets a ticket go that waits now, None for never by itself."""
        if self.pause is None or self.pause.until <= now or self.asker is not None:
            return None
        return None if self.is_empty() else self.pause.until
