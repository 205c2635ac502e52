"""The open tickets in memory, and which of them may run now. Used by the arbiter's thread only."""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from presqt_daemon.tickets.holds import Holds
from presqt_daemon.workers.limits.permits import Permits
from presqt_daemon.workers.queue.on_hold import HoldNote, OnHold
from presqt_daemon.workers.queue.open_ticket import OpenTicket
from presqt_daemon.workers.queue.target_queue import TargetQueue
from presqt_daemon.workers.runs.pauses import Held, Pause, asked_at_once, pause_after
from presqt_daemon.workers.runs.run import Run, Work

_Heap = list[tuple[float, int, OpenTicket]]


@dataclass(slots=True)
class TicketQueue:
    """Tickets that wait for a worker, tickets that run, tickets that are parked."""

    tickets: dict[str, OpenTicket] = field(default_factory=dict)
    small_bytes: int = 10**9
    on_hold: OnHold = field(default_factory=OnHold)
    served: dict[str, datetime] = field(default_factory=dict)  # when each target took something
    _unstaged: dict[tuple[str, bool], deque[OpenTicket]] = field(default_factory=dict)
    """By inbox folder, and whether the bags are large."""

    _lanes: dict[str, TargetQueue] = field(default_factory=dict)
    _parked: _Heap = field(default_factory=list)
    _notes: _Heap = field(default_factory=list)
    _count: int = 0

    def add(self, ticket: OpenTicket, *, first: bool = False) -> None:
        """Let a ticket wait for a worker."""
        self.tickets[ticket.ticket] = ticket
        self._count += 1
        ticket.order = -self._count if first else self._count
        is_large = ticket.zip_bytes > self.small_bytes
        if ticket.work is Work.UPLOAD and ticket.target is not None:
            if self.on_hold.take(ticket):
                return
            lane = self._lane(ticket.target)
            lane.add(ticket, is_large=is_large, first=first)
            if lane.pause is not None:
                self._note_at(ticket, float("-inf"))
            return
        key = (ticket.folder, is_large or ticket.is_slow)
        queue = self._unstaged.setdefault(key, deque())
        if first:
            queue.appendleft(ticket)
        else:
            queue.append(ticket)

    def park(self, ticket: OpenTicket, until: float) -> None:
        """Let a ticket wait for a moment of the monotonic clock."""
        self.tickets[ticket.ticket] = ticket
        self._push(self._parked, until, ticket)

    def hold(self, ticket: OpenTicket, now: float) -> None:
        """Let a ticket wait in front whose own run has paused its target."""
        ticket.begin_waiting(now)
        self.add(ticket, first=True)

    def have_holds(self, holds: Holds) -> None:
        """Keep back what the operator has put on hold, and let go what is not any more.

        Parked tickets come to it at their moment.
        """
        for ticket in self.on_hold.change(holds):
            self.add(ticket)
            if self._lane(ticket.target or "").pause is None:
                # else it is told in a moment what holds it now
                self.on_hold.have_withdrawn(ticket)
        for lane in self._lanes.values():
            for queue in lane.queues.values():
                kept = [one for one in queue if one.is_gone or not self.on_hold.take(one)]
                queue.clear()
                queue.extend(kept)

    def has_only_holds(self) -> bool:
        """Whether every open ticket is on hold, and says so."""
        return len(self.tickets) == len(self.on_hold.tickets) and not self.on_hold.has_note()

    def pause(self, target: str, held: Held, *, asked_by: str, now: float, wall: datetime) -> bool:
        """Hold a target's tickets back; whether that begins now."""
        lane = self._lane(target)
        before = lane.pause
        was_asked = lane.end_run(asked_by)
        lane.hold(pause_after(held, before, target=target, was_asked=was_asked, now=now, wall=wall))
        self._tell(lane)
        return before is None

    def pauses(self) -> dict[str, Pause]:
        """Target -> pause, of those whose tickets are held back now."""
        return {
            target: lane.pause
            for target, lane in self._lanes.items()
            if lane.pause is not None and not lane.is_empty()
        }

    def all_pauses(self) -> dict[str, Pause]:
        """The same of every target, with or without a ticket that waits."""
        return {name: lane.pause for name, lane in self._lanes.items() if lane.pause is not None}

    def count_waiting(self, target: str) -> int:
        """How many tickets of a target wait."""
        return sum(1 for _ in self._lane(target).tickets())

    def resume(self, target: str, now: float) -> Pause | None:
        """Let a target's tickets run again; the pause that ends with it."""
        return self._lane(target).resume(now)

    def ask_at_once(self, target: str | None, now: float) -> None:
        """Let one ticket of a paused target ask it now; None: of every one."""
        for name, lane in self._lanes.items():
            if lane.pause is not None and target in {None, name}:
                lane.hold(asked_at_once(lane.pause, now))
        for ticket in self.running():
            ticket.is_asked_again |= target in {None, ticket.target}

    def take_note(self, now: float) -> tuple[OpenTicket, Pause | HoldNote] | None:
        """A ticket on which is to be written now what holds it."""
        if (found := self.on_hold.take_note()) is not None:
            return found
        while self._notes and self._notes[0][0] <= now:
            moment, _, ticket = heapq.heappop(self._notes)
            if ticket.is_gone or ticket.note_at != moment or ticket.target is None:
                continue
            ticket.note_at = None
            pause = self._lane(ticket.target).pause
            if pause is not None:
                ticket.begin_waiting(now)
                return ticket, pause
        return None

    def _tell(self, lane: TargetQueue) -> None:
        """Have it written on all held tickets what holds them."""
        if lane.pause is not None:
            for ticket in lane.tickets():
                self._note_at(ticket, float("-inf"))

    def end_note(self, name: str, give_up_at: float) -> None:
        """Take in that a ticket was written on; a held one is looked at again at the end."""
        ticket = self.tickets.get(name)
        if ticket is None:
            return
        if ticket.waits_from is not None and ticket.note_at is None:
            ticket.note_at = give_up_at
            self._push(self._notes, give_up_at, ticket)

    def end_run(self, ticket: OpenTicket) -> None:
        """Take in that a worker has let go of a ticket, however that came."""
        ticket.interruption = None
        if ticket.target is not None:
            self._lane(ticket.target).end_run(ticket.ticket)

    def remove(self, name: str) -> OpenTicket | None:
        """Take a ticket out, wherever it waits; the ticket, None when it is not open."""
        ticket = self.tickets.pop(name, None)
        if ticket is not None:
            ticket.is_gone = True
            self.on_hold.remove(name)
        return ticket

    def wake(self, now: float) -> list[Pause]:
        """Put parked tickets whose time has come back in front.

        The pauses that end since nobody is left who could ask.
        """
        ended: list[Pause] = []
        while self._parked and self._parked[0][0] <= now:
            _, _, ticket = heapq.heappop(self._parked)
            if not ticket.is_gone:
                self.add(ticket, first=True)
        for lane in self._lanes.values():
            if lane.is_pause_over(now) and (pause := lane.resume(now)) is not None:
                ended.append(pause)
            elif lane.pause is not None and not lane.is_due and lane.pause.until <= now:
                # what stands on the tickets as the next moment is over: it is being asked
                lane.is_due = True
                self._tell(lane)
        return ended

    def next_moment(self, now: float) -> float | None:
        """When `wake` or a paused target has something to do next, None for never."""
        moments = [lane.next_moment(now) for lane in self._lanes.values()]
        moments += [self._parked[0][0]] if self._parked else []
        return min((moment for moment in moments if moment is not None), default=None)

    def next_note(self) -> float | None:
        """When `take_note` has something to look at next, None for never."""
        if self.on_hold.has_note():
            return float("-inf")
        return self._notes[0][0] if self._notes else None

    def runs(
        self, permits: Permits, now: float, is_taken: Callable[[str], bool] = lambda _ticket: False
    ) -> Iterator[Run]:
        """Every run that may begin now; its permits are taken.

        One whose ticket is taken by another party comes later.
        """
        yield from self._stage_runs(permits, now, is_taken)
        for target, lane in self._lanes.items():
            yield from _upload_runs(target, lane, permits, now, is_taken)

    def queued(self) -> frozenset[str]:
        """The targets for which a ticket waits, or which are held: nobody passes those."""
        return frozenset(
            target
            for target, lane in self._lanes.items()
            if lane.pause is not None or not lane.is_empty()
        )

    def is_running(self, name: str) -> bool:
        """Whether a worker has a ticket now."""
        ticket = self.tickets.get(name)
        return ticket is not None and ticket.interruption is not None

    def running(self) -> list[OpenTicket]:
        """The tickets that a worker has now."""
        return [ticket for ticket in self.tickets.values() if ticket.interruption is not None]

    def _lane(self, target: str) -> TargetQueue:
        return self._lanes.setdefault(target, TargetQueue())

    def _push(self, heap: _Heap, moment: float, ticket: OpenTicket) -> None:
        self._count += 1
        heapq.heappush(heap, (moment, self._count, ticket))

    def _note_at(self, ticket: OpenTicket, moment: float) -> None:
        """Have it written on the ticket what holds it."""
        if ticket.note_at != moment:
            ticket.note_at = moment
            self._push(self._notes, moment, ticket)

    def _stage_runs(
        self, permits: Permits, now: float, is_taken: Callable[[str], bool]
    ) -> Iterator[Run]:
        """Who has fewest bags staged comes first, and of one folder's who came first.

        One that must wait blocks none of another size or folder.
        """
        blocked: set[tuple[str, bool]] = set()
        while heads := self._heads(blocked):
            key, ticket = min(
                heads, key=lambda head: (permits.staging.count(head[0][0]), head[1].order)
            )
            if not is_taken(ticket.ticket) and permits.begin_staging(
                ticket.ticket, ticket.zip_bytes, folder=ticket.folder, is_slow=ticket.is_slow
            ):
                self._unstaged[key].popleft()
                yield ticket.begin(now)
            else:
                blocked.add(key)

    def _heads(self, blocked: set[tuple[str, bool]]) -> list[tuple[tuple[str, bool], OpenTicket]]:
        """The first of each queue that is not blocked; queues without one go."""
        heads = []
        for key in list(self._unstaged):
            queue = self._unstaged[key]
            while queue and queue[0].is_gone:
                queue.popleft()
            if not queue:
                del self._unstaged[key]
            elif key not in blocked:
                heads.append((key, queue[0]))
        return heads


def _upload_runs(
    target: str,
    lane: TargetQueue,
    permits: Permits,
    now: float,
    is_taken: Callable[[str], bool],
) -> Iterator[Run]:
    """The runs of one target that may begin now; a queue that had its turn goes to the end."""
    for key in list(lane.queues):
        queue = lane.queues[key]
        while queue and lane.may_run(now):
            ticket = queue.popleft()
            if ticket.is_gone:
                continue
            if is_taken(ticket.ticket) or not permits.begin_sending(
                ticket.ticket, target, ticket.resource_id, ticket.zip_bytes
            ):
                queue.appendleft(ticket)
                break
            lane.queues.move_to_end(key)
            is_asking = lane.pause is not None
            if is_asking:
                lane.asker = ticket.ticket
            yield ticket.begin(now, is_asking=is_asking)
        if not queue:
            del lane.queues[key]
