"""What the loop sees of targets and of tickets that wait, as receivers may be told of it."""

from dataclasses import dataclass, field

from presqt_daemon.model import PauseKind
from presqt_daemon.notifications.conditions import HeldTarget, Observation
from presqt_daemon.workers.queue.queue import TicketQueue
from presqt_daemon.workers.runs.run import DISK, DISK_SPACE


@dataclass(slots=True)
class Observer:
    """Looks at the queue; remembers since when it has seen each ticket on hold."""

    _on_hold: dict[str, float] = field(default_factory=dict)

    def observe(
        self, agenda: TicketQueue, held_after: float, now: float, *, without_room: int = 0
    ) -> Observation:
        """Held targets, long waits and waits for room, at a moment of the monotonic clock.

        `without_room` are drops that wait in the inbox for room on the disk.
        A ticket that an operator keeps from being sent waits too: a hold may have been forgotten.
        """
        on_hold = agenda.on_hold.tickets
        self._on_hold = {name: self._on_hold.get(name, now) for name in on_hold}
        long_waits, for_disk = set(), without_room
        for name, ticket in agenda.tickets.items():
            for_disk += ticket.waits_for in {DISK, DISK_SPACE}
            waited = max(ticket.waited_until(now), now - self._on_hold.get(name, now))
            if waited > held_after:
                long_waits.add(name)
        return Observation(
            held_targets={
                target: HeldTarget(
                    since=pause.since,
                    cause=pause.cause,
                    waiting=agenda.count_waiting(target),
                    needs_person=pause.kind in {PauseKind.TOKEN, PauseKind.OPERATOR},
                    is_limited=pause.kind is PauseKind.LIMIT,
                )
                for target, pause in agenda.pauses().items()
            },
            served=dict(agenda.served),
            open_tickets=frozenset(agenda.tickets),
            long_waits=frozenset(long_waits),
            waiting_for_disk=for_disk,
        )
