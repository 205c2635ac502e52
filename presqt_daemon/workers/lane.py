"""One target's waiting tickets: turns by container and size; a pause while it is of no use."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from presqt_daemon.workers.open_ticket import OpenTicket
from presqt_daemon.workers.run import RATE_LIMIT, RunEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """No ticket of the target runs before `until`, a moment of the monotonic clock.

    Then all may; with `is_probed` one at a time, until one of them shows that the target is mended.
    """

    until: float
    waiting_for: str
    is_probed: bool = True


def pause_from(end: RunEnd, now: float) -> Pause:
    """The pause that a run's end asks for. A rate limit names its time, so nothing is probed."""
    waiting_for = end.waiting_for or "the target"
    return Pause(
        until=end.wait_from(now), waiting_for=waiting_for, is_probed=waiting_for != RATE_LIMIT
    )


@dataclass(slots=True)
class Lane:
    """Tickets by container and size, so that none starves another; `probe` runs despite a pause.

    Removed tickets stay in the queues until their turn comes.
    """

    queues: OrderedDict[tuple[str, bool], deque[OpenTicket]] = field(default_factory=OrderedDict)
    """The key: container, empty for new ones, and whether the bags are large."""

    pause: Pause | None = None
    probe: str | None = None

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
        return self.pause is None or (self.probe is None and now >= self.pause.until)

    def hold(self, pause: Pause) -> None:
        """Pause, never for less long than already asked."""
        until = pause.until if self.pause is None else max(pause.until, self.pause.until)
        self.pause = replace(pause, until=until)

    def try_at(self, now: float) -> None:
        """Let the next probe go now; what is no guess, such as a rate limit's time, stays."""
        if self.pause is not None and self.pause.is_probed:
            self.pause = replace(self.pause, until=min(self.pause.until, now))

    def resume(self, now: float) -> None:
        """Let all run again."""
        if self.pause is None:
            return
        self.pause = self.probe = None
        for ticket in self.tickets():
            ticket.end_waiting(now)

    def end_run(self, name: str) -> None:
        """Take in that a worker has let go of a ticket, so that the next probe may go."""
        if self.probe == name:
            self.probe = None

    def is_pause_over(self, now: float) -> bool:
        """Whether the pause has run out, and there is nobody to probe or no need to."""
        if self.pause is None or self.pause.until > now:
            return False
        return not self.pause.is_probed or (self.probe is None and self.is_empty())

    def next_moment(self, now: float) -> float | None:
        """When the pause lets a ticket go that waits now, None for never by itself."""
        if self.pause is None or self.pause.until <= now or self.probe is not None:
            return None
        return None if self.is_empty() else self.pause.until
