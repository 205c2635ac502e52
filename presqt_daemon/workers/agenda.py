"""The open tickets in memory, and which of them may run now. Used by the arbiter's thread only."""

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from presqt_daemon.workers.permits import Permits
from presqt_daemon.workers.run import Interruption, Run, Work


@dataclass(slots=True, kw_only=True)
class OpenTicket:
    """What the arbiter must know of a ticket that has not ended."""

    ticket: str
    work: Work
    zip_bytes: int = 0
    target: str | None = None
    resource_id: str | None = None
    deaths: int = 0
    is_resume: bool = False
    interruption: Interruption | None = None
    is_gone: bool = False
    is_at_desk: bool = False
    told: str | None = None
    order: int = 0


@dataclass(slots=True)
class _Lane:
    """One target's waiting tickets, by container, so that no container starves another."""

    queues: OrderedDict[str, deque[OpenTicket]] = field(default_factory=OrderedDict)
    paused_until: float | None = None
    is_paused: bool = False
    waiting_for: str = ""
    probe: str | None = None

    def add(self, ticket: OpenTicket, *, first: bool = False) -> None:
        queue = self.queues.setdefault(ticket.resource_id or "", deque())
        if first:
            queue.appendleft(ticket)
        else:
            queue.append(ticket)


@dataclass(slots=True)
class Agenda:
    """Tickets that wait for a worker, tickets that run, tickets that are parked."""

    tickets: dict[str, OpenTicket] = field(default_factory=dict)
    small_bytes: int = 10**9
    _small: deque[OpenTicket] = field(default_factory=deque)
    _large: deque[OpenTicket] = field(default_factory=deque)
    _lanes: dict[str, _Lane] = field(default_factory=dict)
    _parked: list[tuple[float, int, OpenTicket]] = field(default_factory=list)
    _count: int = 0

    def add(self, ticket: OpenTicket, *, first: bool = False) -> None:
        """Let a ticket wait for a worker."""
        self.tickets[ticket.ticket] = ticket
        ticket.interruption = None
        self._count += 1
        ticket.order = -self._count if first else self._count
        if ticket.work is Work.UPLOAD and ticket.target is not None:
            self._lanes.setdefault(ticket.target, _Lane()).add(ticket, first=first)
            return
        queue = self._large if ticket.zip_bytes > self.small_bytes else self._small
        if first:
            queue.appendleft(ticket)
        else:
            queue.append(ticket)

    def park(self, ticket: OpenTicket, until: float) -> None:
        """Let a ticket wait for a moment of the monotonic clock."""
        self.tickets[ticket.ticket] = ticket
        ticket.interruption = None
        self._count += 1
        heapq.heappush(self._parked, (until, self._count, ticket))

    def pause(self, target: str, until: float | None, waiting_for: str) -> None:
        """Let no ticket of a target run before a moment; then one goes ahead as a probe."""
        lane = self._lanes.setdefault(target, _Lane())
        lane.is_paused, lane.paused_until, lane.probe = True, until, None
        lane.waiting_for = waiting_for

    def resume(self, target: str) -> None:
        """Let a target's tickets run again."""
        lane = self._lanes.setdefault(target, _Lane())
        lane.is_paused, lane.probe = False, None

    def resume_all(self) -> None:
        """Let every target's tickets run again."""
        for target in self._lanes:
            self.resume(target)

    def take_to_desk(self, target: str) -> Iterator[tuple[OpenTicket, str]]:
        """A paused target's tickets that were not told what for; none runs before it is back."""
        lane = self._lanes.setdefault(target, _Lane())
        if not lane.is_paused:
            return
        for queue in lane.queues.values():
            for ticket in queue:
                if ticket.is_gone or ticket.is_at_desk or ticket.told == lane.waiting_for:
                    continue
                ticket.is_at_desk, ticket.told = True, lane.waiting_for
                yield ticket, lane.waiting_for

    def back_from_desk(self, name: str) -> None:
        """Let a ticket run again that the clerk has written on."""
        ticket = self.tickets.get(name)
        if ticket is not None:
            ticket.is_at_desk = False

    def remove(self, name: str) -> OpenTicket | None:
        """Take a ticket out, wherever it waits; the ticket, None when it is not open."""
        ticket = self.tickets.pop(name, None)
        if ticket is not None:
            ticket.is_gone = True
        return ticket

    def wake(self, now: float) -> None:
        """Put parked tickets whose time has come back in front of their queues."""
        while self._parked and self._parked[0][0] <= now:
            _, _, ticket = heapq.heappop(self._parked)
            if not ticket.is_gone:
                self.add(ticket, first=True)

    def next_moment(self) -> float | None:
        """When `wake` or a paused target has something to do next, None for never."""
        moments = [lane.paused_until for lane in self._lanes.values() if lane.is_paused]
        moments += [self._parked[0][0]] if self._parked else []
        return min((moment for moment in moments if moment is not None), default=None)

    def runs(self, permits: Permits, now: float) -> Iterator[Run]:
        """Every run that may begin now; its permits are taken."""
        yield from self._stage_runs(permits)
        for target, lane in self._lanes.items():
            yield from self._upload_runs(target, lane, permits, now)

    def running(self) -> list[OpenTicket]:
        """The tickets that a worker has now."""
        return [ticket for ticket in self.tickets.values() if ticket.interruption is not None]

    def _stage_runs(self, permits: Permits) -> Iterator[Run]:
        """Small and large bags in the order they came; a large one that must wait blocks none."""
        waiting = [queue for queue in (self._small, self._large) if queue]
        while waiting:
            queue = min(waiting, key=lambda one: one[0].order)
            ticket = queue[0]
            if ticket.is_gone:
                queue.popleft()
            elif permits.begin_staging(ticket.zip_bytes):
                queue.popleft()
                yield _begin(ticket)
            else:
                waiting.remove(queue)
            waiting = [one for one in waiting if one]

    def _upload_runs(self, target: str, lane: _Lane, permits: Permits, now: float) -> Iterator[Run]:
        if lane.is_paused and (
            lane.probe in self.tickets or lane.paused_until is None or now < lane.paused_until
        ):
            return
        for key in list(lane.queues):
            queue = lane.queues[key]
            while queue:
                ticket = queue.popleft()
                if ticket.is_gone:
                    continue
                if ticket.is_at_desk or not permits.begin_sending(target, ticket.resource_id):
                    queue.appendleft(ticket)
                    break
                lane.queues.move_to_end(key)
                yield _begin(ticket)
                if lane.is_paused:
                    lane.probe = ticket.ticket
                    return
            if not queue:
                del lane.queues[key]


def _begin(ticket: OpenTicket) -> Run:
    ticket.interruption = Interruption()
    ticket.told = None
    return Run(
        ticket=ticket.ticket,
        work=ticket.work,
        interruption=ticket.interruption,
        deaths=ticket.deaths,
        is_resume=ticket.is_resume,
    )
